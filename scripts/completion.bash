# completion.bash - bash completion of memkit-bench. Words come from the program's own --help and
# list, so that there is no second list to keep.
# shellcheck shell=bash

_memkit_bench() {
    local tool=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} words=
    COMPREPLY=()
    case $before in
    --impl) words=$("$tool" list impls 2>/dev/null | grep -oE '[a-z]+/[a-z0-9_]+[^ ,]*') ;;
    --pin) words='compact scatter cores numa none' ;;
    --counters) words='auto papi perf sw none' ;;
    --oracle) words=$("$tool" list oracles scenarios 2>/dev/null | grep -oE '[a-z]+(_[a-z]+)*') ;;
    --pressure) words=$("$tool" list pressures 2>/dev/null | grep -oE '^ *[a-z_]+') ;;
    --color) words='auto always never' ;;
    esac
    if [[ -z $words ]]; then
        if [[ $word == -* ]]; then
            # The help of the command; for a workload file that of run.
            words=$("$tool" "$command" --help 2>/dev/null || "$tool" run --help 2>/dev/null)
            words=$(grep -oE -- '(^|[ [(|])--?[a-z][a-z-]*' <<<"$words" | tr -d ' [(|')
        elif ((COMP_CWORD == 1)); then
            words=$("$tool" --help 2>/dev/null | grep -oE '^  [a-z][a-z-]+' | tr -d ' ')
        elif [[ $command == orders ]]; then
            words=$("$tool" list impls 2>/dev/null | grep -oE '^[a-z]+/[a-z0-9_]+')
        elif [[ $command == trace ]] && ((COMP_CWORD == 2)); then
            words='info verify import export profile generate'
        elif [[ $command == list ]]; then
            words='kinds impls counters topology distributions oracles pressures scenarios'
        fi
    fi
    # Names hold no blanks; "[" and "*" in them must not be expanded.
    local found
    while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -W "$words" -- "$word")
    if [[ ! $word == -* ]] && ((${#COMPREPLY[@]} == 0)); then
        while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen -f -- "$word")
    fi
}

complete -o filenames -F _memkit_bench memkit-bench
