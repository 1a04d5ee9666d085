# ceilings.awk: compares what instructions.sh counted with the ceilings, which only fall.
# SPDX-License-Identifier: Apache-2.0
#
# First file: ceilings.csv. Second: results.csv. With lower set, writes the ceilings to the file
# `out`, each at the smaller of itself and the figure. Ends with 1 if a ceiling is exceeded.

BEGIN { FS = OFS = "," }

FNR == 1 { file++ }

file == 1 && (/^#/ || /^target,/) {
    head[++heads] = $0
    next
}

file == 1 {
    key = $1 OFS $2 OFS $3
    order[++count] = key
    mean[key] = $4
    most[key] = $5
    next
}

$2 == "pipeline linux" { next } # the system's C library is in it
$2 ~ /^pipeline . low/ { next } # what is declared is paid for

$5 == "both" { now_mean[$1 OFS $2 OFS $3] = $7 }

$5 == "all" {
    key = $1 OFS $2 OFS $3
    now_most[key] = $9
    if (!(key in mean)) {
        order[++count] = key
        mean[key] = now_mean[key]
        most[key] = $9
        unset++
    }
}

function exceeds(figure, ceiling, what) {
    if (figure > ceiling) {
        printf "  %s: %s %s exceeds its ceiling %s\n", key, what, figure, ceiling
        exceeded = 1
    }
}

END {
    for (i = 1; i <= count; i++) {
        key = order[i]
        if (key in now_most) {
            compared++
            exceeds(now_mean[key] + 0, mean[key] + 0, "mean")
            exceeds(now_most[key] + 0, most[key] + 0, "max")
            fell += now_mean[key] + 0 < mean[key] + 0 || now_most[key] + 0 < most[key] + 0
            mean[key] = now_mean[key] + 0 < mean[key] + 0 ? now_mean[key] : mean[key]
            most[key] = now_most[key] + 0 < most[key] + 0 ? now_most[key] : most[key]
        }
    }
    printf "  ceilings: %d compared, %s", compared - unset, exceeded ? "EXCEEDED" : "none exceeded"
    if (fell) {
        printf "; %d may fall%s", fell, lower ? ", lowered" : ": --lower"
    }
    print ""
    if (unset) {
        printf "  ceilings: %d missing%s\n", unset, lower ? ", set" : ": --lower sets them"
    }
    if (lower) {
        for (i = 1; i <= heads; i++) {
            print head[i] >out
        }
        for (i = 1; i <= count; i++) {
            print order[i], mean[order[i]], most[order[i]] >out
        }
    }
    exit exceeded + 0
}
