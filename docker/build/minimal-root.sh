#!/bin/sh
# minimal-root.sh FOLDER PROGRAM...: makes the folder a root file system with these programs, the libraries that they
# load, and what every network program needs: certificate authorities, a user, and places for what is mounted.
# There is no shell in it, and no package manager.
set -eu

root=$1
shift

# The same number as in USER of the Dockerfiles.
user=10001

libraries() {
    # "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x…)", and the loader as "/lib64/ld-linux-x86-64.so.2 (0x…)".
    ldd "$1" | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*$/\1/p'
}

for program; do
    install -D "$program" "$root$program"
    for library in $(libraries "$program"); do
        install -D "$library" "$root$library"
    done
done

mkdir -p "$root/etc/ssl/certs" "$root/etc/freshet/spool" "$root/tmp"
[ ! -e /etc/ssl/certs/ca-certificates.crt ] ||
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'freshet:x:%s:%s::/:/sbin/nologin\n' "$user" "$user" >"$root/etc/passwd"
printf 'freshet:x:%s:\n' "$user" >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chown "$user:$user" "$root/etc/freshet/spool"
chmod 1777 "$root/tmp"
