#!/bin/sh
# A stand-in for the program `tailscale`; see fake_tailscale.rs for the files that make it misbehave.
dir="@DIR@"
case "$1" in --socket=*) shift ;; esac
command=$1
shift
# Answers to nothing until it is killed.
forever() { exec tail -f /dev/null; }
[ -e "$dir/hang" ] && forever
if [ -e "$dir/down" ]; then
    echo "failed to connect to local tailscaled; it doesn't appear to be running (sudo systemctl start tailscaled ?)" >&2
    exit 1
fi
lives() {
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    case "${stat##*) }" in Z*) return 1 ;; esac
}
foreground() {
    separator=
    for file in "$dir"/claims/*; do
        [ -e "$file" ] || continue
        if ! lives "${file##*/}"; then
            rm -f "$file"
            continue
        fi
        read -r mode target <"$file"
        funnel=
        [ "$mode" = funnel ] && funnel=',"AllowFunnel":{"@NAME@:443":true}'
        printf '%s"session-%s":{"TCP":{"443":{"HTTPS":true}},"Web":{"@NAME@:443":{"Handlers":{"/":{"Proxy":"%s"}}}}%s}' \
            "$separator" "${file##*/}" "$target" "$funnel"
        separator=,
    done
}
case "$command" in
status) cat "$dir/status.json" ;;
serve | funnel)
    if [ "$1" = status ]; then
        if [ -e "$dir/background.json" ]; then cat "$dir/background.json"; else
            printf '{"Foreground":{'
            foreground
            printf '}}\n'
        fi
        exit
    fi
    for target; do :; done
    if [ -e "$dir/refuse" ]; then
        cat "$dir/refuse" >&2
        exit 1
    fi
    if [ -n "$(foreground)" ]; then
        echo "foreground already exists under this port" >&2
        exit 1
    fi
    if [ -e "$dir/late" ]; then
        echo "Serve is not enabled on your tailnet."
        echo "To enable, visit: https://login.tailscale.com/f/serve?node=n1"
        : >"$dir/asked"
        forever
    fi
    [ -e "$dir/stubborn" ] && trap '' TERM
    echo "$command $target" >"$dir/claims/.$$"
    mv "$dir/claims/.$$" "$dir/claims/$$"
    [ "$command" = funnel ] && echo "Available on the internet:" || echo "Available within your tailnet:"
    printf '\nhttps://@NAME@/\n|-- proxy %s\n\nPress Ctrl+C to exit.\n' "$target"
    forever
    ;;
*)
    echo "tailscale: unknown subcommand: $command" >&2
    exit 1
    ;;
esac
