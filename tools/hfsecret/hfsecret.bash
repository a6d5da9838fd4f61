# Completion of hfsecret for bash. It asks the program's --help, so it knows the commands and options of the program that
# is installed, and sends no request.

# Prints the first word of each line of the help that begins with two blanks: a command, or an option.
_hfsecret_words() {
    "$@" --help 2>/dev/null | sed -n 's/^  \([^ ][^ ]*\).*/\1/p'
}

_hfsecret() {
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= executed= index words
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
            --timeout | --env-file | --file | --signal | --kill-after)
                index=$((index + 1))
                [[ ${COMP_WORDS[index]} != = ]] || index=$((index + 1)) # --timeout=3 is three words
                ;;
            --)
                [[ $command != watch ]] || command=run # from here on
                ;;
            -*) ;;
            *)
                if [[ $command = run ]]; then
                    executed=${COMP_WORDS[index]}
                    break
                fi
                command=${command:-${COMP_WORDS[index]}}
                ;;
        esac
    done
    if [[ $executed ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    case $previous in
        --env-file | --parameters-file | --context-file | --associated-data-file | --output)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        --signal)
            mapfile -t COMPREPLY < <(compgen -W "HUP INT QUIT KILL USR1 USR2 TERM" -- "$word")
            return
            ;;
        --timeout | --file | --kill-after | --mode | --owner | --pid | --policy | --bits | --cas | --field | \
            --metadata | --wrap-ttl)
            return
            ;;
    esac
    if [[ $command = run && $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
        return
    fi
    if [[ $command = render && $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    words=$(_hfsecret_words "$program" ${command:+"$command"})
    case $word in
        -*) words=$(grep '^-' <<<"$words") ;;
        *) words=$(grep -v '^-' <<<"$words") ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o filenames -F _hfsecret hfsecret
