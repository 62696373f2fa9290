#!/usr/bin/env bash
# Checks that the catalogue in force is the one that is kept as a file under version control.
#
#   catalogue_check.sh FILE
#
# Says nothing and ends with 0 when it is. When it is not, says what differs and ends with 1: somebody changed the
# service past the file, or the file has not been applied. Ends with 2 when that could not be found out. cron mails
# what is said, so nothing else is needed:
#
#   30 3 * * *  catalogue_check.sh /srv/kupla/catalogue.yaml
#
# Needs an admin's token, as from `kupla token save --store file`. Changes nothing. A file to begin with comes from
# `kupla catalogue export --file catalogue.yaml`.
set -euo pipefail

if (($# != 1)); then
	echo "usage: ${0##*/} FILE" >&2
	exit 2
fi
file=$1

status=0
report=$(kupla catalogue diff "$file" --output table --language en 2>&1 </dev/null) || status=$?
case $status in
0) ;;
1)
	cat <<-END
		The catalogue of $(kupla config get server --output table) is not the one in $file.
		What stands behind - is in force, what stands behind + is in the file.

		$report

		If the file is right:   kupla catalogue apply $file
		If the service is:      kupla catalogue export --file $file
	END
	exit 1
	;;
*)
	printf 'The catalogue could not be compared with %s (exit code %d):\n%s\n' "$file" "$status" "$report" >&2
	exit 2
	;;
esac
