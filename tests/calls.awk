# calls.awk - finds calls through pointers in a compiler's assembly (x86-64, AArch64; made with
# -fno-jump-tables, so that a jump through a register is a call too).
#
#   awk -v door=mk_map_batch_get [-v forbid=mk_direct_] -f calls.awk unit.s
#
# Follows direct calls from `door` to whatever else the unit defines, clones and cold parts included.
# Prints what it finds as "function: instruction" and fails; fails too where there is no such door.
/^[A-Za-z_][A-Za-z0-9_.$]*:/ {
    here = $1
    sub(/:.*/, "", here)
    defined[here] = 1
    base = here
    if (sub(/\..*/, "", base)) clones[base] = clones[base] " " here
    next
}
/^[ \t]+(notrack[ \t]+)?(callq?|jmpq?)[ \t]+\*/ || /^[ \t]+(blr|br|blraaz?|braaz?)[ \t]+x/ {
    gsub(/[ \t]+/, " ")
    found[here] = found[here] "\n" here ":" $0
    next
}
/^[ \t]+(call|jmp|bl|b|j[a-z]+|b\.[a-z]+|cbn?z)q?[ \t]/ {
    to = $NF
    if ($0 ~ /#/) to = $2
    sub(/@.*/, "", to)
    if (to !~ /^\.L/) callees[here] = callees[here] " " to
}

function reach(name,    list, n, i) {
    if (name in reached) return
    reached[name] = 1
    if (found[name]) bad = bad found[name]
    n = split(callees[name] clones[name], list, " ")
    for (i = 1; i <= n; i++) {
        if (list[i] in defined) reach(list[i])
        else if (forbid && index(list[i], forbid) == 1) bad = bad "\n" name ": " list[i]
    }
}

END {
    if (!(door in defined)) {
        print "the unit defines no " door
        exit 1
    }
    reach(door)
    if (bad) {
        print substr(bad, 2)
        exit 1
    }
}
