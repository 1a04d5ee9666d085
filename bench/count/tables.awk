# tables.awk: prints what instructions.sh counted, and judges the bars.
# SPDX-License-Identifier: Apache-2.0
#
# First file: the published figures. Second: results.csv. `stages`: what stages.py printed, if it
# did. Ends with 1 if a bar is missed.

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
    if (name ~ /^ESP-IDF multi_heap \(/) {
        other_alloc = $2
        other_free = $5
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
    calls[key, $5] = $6
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

function print_heads() {
    printf "%-9s %-13s %15s %15s %17s %6s %5s\n", "target", "trace", "alloc", "free", "resize",
        "a+f", "worst"
}

function print_row(key, name) {
    printf "%-9s %-13s", part[1], name
    for (k = 1; k <= 3; k++) {
        kind = k == 1 ? "alloc" : k == 2 ? "free" : "resize"
        printf "%*s", k < 3 ? 16 : 18,
            sprintf("%.0f/%d/%d", mean[key, kind], p99[key, kind], most[key, kind])
    }
    printf " %6.2f %5d\n", mean[key, "both"], most[key, "all"]
}

# The other's figures hold no caps, owners, budgets, events.
function print_other(key, sum) {
    if (other_alloc == "" || !(key in arena)) {
        return
    }
    sum = other_alloc * calls[key, "alloc"] + other_free * calls[key, "free"]
    printf "ESP-IDF multi_heap, no caps layer, owners, events: %.0f/%.0f, a+f %.0f\n", other_alloc,
        other_free, sum / calls[key, "both"]
}

function print_stages(line) {
    if (stages == "" || (getline line <stages) <= 0) {
        return
    }
    print "\nBy stage: x86-64, gen_c_esp32, stub port; instructions of a call\n"
    do {
        print line
    } while ((getline line <stages) > 0)
}

function pipeline_name(form) {
    return form == "linux" ? "  Linux port" : "  " form
}

function print_pipeline() {
    print "\nThrough the public calls, -O2, two regions, 16 owners with budgets, events; a resize"
    print "copies what moves. The stub port's lock and clock are a few instructions each. Lows are"
    print "windows of low water: of the first region, and of both\n"
    print_heads()
    for (i = 1; i <= count; i++) {
        key = order[i]
        split(key, part, SUBSEP)
        if (part[2] ~ /^pipeline/) {
            print_row(key, part[2] == "pipeline" ? part[3] : pipeline_name(substr(part[2], 10)))
        }
    }
    print ""
    print_other("x86-64" SUBSEP "pipeline" SUBSEP "gen_c_esp32")
    print_stages()
}

END {
    print "Instructions of each engine call, fit 4, -O2: mean/p99/max; the arena is the first of 1.3,"
    print "1.75, 2.5, 4, 8, 16 times the peak in which the trace succeeds\n"
    print_heads()
    for (i = 1; i <= count; i++) {
        key = order[i]
        split(key, part, SUBSEP)
        if (part[2] != "fit 4") {
            continue
        }
        print_row(key, part[3])
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
        if (part[1] == "x86-64" && part[3] == "gen_d_psram" && part[2] != "pipeline") {
            for (k = 1; k <= 4; k++) {
                kind = k == 1 ? "alloc" : k == 2 ? "free" : k == 3 ? "resize" : "all"
                printf "%-11s %-6s %s\n", k == 1 ? part[2] : "", kind, lines[key, kind]
            }
        }
    }
    print_pipeline()
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
    key = "x86-64" SUBSEP "pipeline" SUBSEP "gen_c_esp32"
    if (key in arena) {
        judge("x86-64, gen_c_esp32, public calls, a+f, stub port", mean[key, "both"], 170)
    }
    exit missed + 0
}
