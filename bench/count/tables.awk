# tables.awk: prints what instructions.sh counted, and judges the bars.
# SPDX-License-Identifier: Apache-2.0
#
# First file: the published figures. Second: results.csv. Ends with 1 if a bar is missed.

BEGIN {
    FS = ","
    kept_form = "beside 256" # the form kept for PSRAM: docs/adr/0004
}

FNR == 1 { file++ }
/^#/ || /^allocator,/ || /^target,/ { next }

file == 1 {
    if (sub(/^"/, "")) { # a name in quotes holds a comma
        name = $0
        sub(/".*/, "", name)
        sub(/^[^"]*",/, "x,")
    } else {
        name = $1
    }
    published[++published_count] = sprintf("%-43.43s %5s %5s %5s %5s %5s %5s", name, $2, $3, $4, $5,
        $6, $7)
    next
}

{
    key = $1 SUBSEP $2 SUBSEP $3
    if (!(key in arena)) {
        order[++count] = key
    }
    arena[key] = $4
    mean[key, $5] = $7
    p99[key, $5] = $8
    most[key, $5] = $9
    lines[key, $5] = sprintf("%8.2f %6d %8.2f %6d", $10, $11, $12, $13)
    lines_mean[key] = $10 # of all kinds, which come last
    lines_most[key] = $11
}

function judge(text, figure, bar) {
    verdict = figure > bar ? "MISSED" : "met"
    printf "  %-51s at most %4d: %6.2f %s\n", text, bar, figure, verdict
    missed = missed || figure > bar
}

END {
    print "Instructions of each engine call, fit 4, -O2: mean/p99/max; the arena is the first of 1.3,"
    print "1.75, 2.5, 4, 8, 16 times the peak in which the trace succeeds\n"
    printf "%-9s %-13s %15s %15s %15s %6s %5s\n", "target", "trace", "alloc", "free", "resize",
        "a+f", "worst"
    for (i = 1; i <= count; i++) {
        key = order[i]
        split(key, part, SUBSEP)
        if (part[2] != "fit 4") {
            continue
        }
        printf "%-9s %-13s", part[1], part[3]
        for (k = 1; k <= 3; k++) {
            kind = k == 1 ? "alloc" : k == 2 ? "free" : "resize"
            printf " %15s", sprintf("%.0f/%d/%d", mean[key, kind], p99[key, kind], most[key, kind])
        }
        printf " %6.2f %5d\n", mean[key, "both"], most[key, "all"]
        if (part[1] == "x86-64" && most[key, "all"] > worst) {
            worst = most[key, "all"]
        }
    }
    print "\na+f: mean of allocations and frees together. Published, gen_c_esp32 on x86-64 -O2:\n"
    printf "%-43s %17s %17s\n", "", "alloc mean p99 max", "free mean p99 max"
    for (i = 1; i <= published_count; i++) {
        print published[i]
    }
    print "\nDistinct 32-byte lines that an operation touches, x86-64, gen_d_psram: in the region, and"
    print "in the book beside it\n"
    printf "%-11s %-6s %8s %6s %8s %6s\n", "form", "kind", "mean", "worst", "book", "worst"
    for (i = 1; i <= count; i++) {
        key = order[i]
        split(key, part, SUBSEP)
        if (part[1] == "x86-64" && part[3] == "gen_d_psram") {
            for (k = 1; k <= 4; k++) {
                kind = k == 1 ? "alloc" : k == 2 ? "free" : k == 3 ? "resize" : "all"
                printf "%-11s %-6s %s\n", k == 1 ? part[2] : "", kind, lines[key, kind]
            }
        }
    }
    print "\nBars and ceilings"
    key = "x86-64" SUBSEP "fit 4" SUBSEP "gen_c_esp32"
    if (key in arena) {
        judge("x86-64, gen_c_esp32, allocations and frees, mean", mean[key, "both"], 90)
    }
    if (worst > 0) {
        judge("x86-64, worst of any operation on any trace", worst, 500)
    }
    key = "x86-64" SUBSEP kept_form SUBSEP "gen_d_psram"
    if (key in arena) {
        judge("lines of gen_d_psram, " kept_form ", mean", lines_mean[key], 6)
        judge("lines of gen_d_psram, " kept_form ", worst", lines_most[key], 40)
    }
    exit missed + 0
}
