# Completion of hfsecret for bash. It asks the program's --help, so it knows the commands and options of the program that
# is installed, and sends no request.

# Prints the first word of each line of the help that begins with two blanks: a command, or an option.
_hfsecret_words() {
    "$@" --help 2>/dev/null | sed -n 's/^  \([^ ][^ ]*\).*/\1/p'
}

_hfsecret() {
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= index words
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
            --timeout) index=$((index + 1)) ;;
            -*) ;;
            *)
                command=${COMP_WORDS[index]}
                break
                ;;
        esac
    done
    case $previous in
        --env-file | --parameters-file | --context-file | --associated-data-file | --output | render)
            if [[ $word != -* ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return
            fi
            ;;
    esac
    if [[ $command = run && $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
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
