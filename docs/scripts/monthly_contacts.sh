#!/usr/bin/env bash
# Counts the contacts of a month, by queue, as CSV.
#
#   monthly_contacts.sh [YYYY-MM]
#
# Without a month it is the last one, so that it can run on the first of each:
#
#   0 6 1 * *  monthly_contacts.sh >>/srv/statistics/contacts.csv
#
# What is counted are conversations that were closed in that month, Finnish time, for whatever reason: also those that
# the resident left while waiting. Each counts once, in the queue that it was in when it was closed, so one that was
# transferred counts where it ended. Calls are not among them: the service does not know them.
#
# Needs the token of a supervisor of the queues to count.
set -euo pipefail
export LC_ALL=C TZ=Europe/Helsinki

printf -v month '%(%Y-%m)T' -1
year=${month%-*} number=$((10#${month#*-} - 1))
if ((number == 0)); then year=$((year - 1)) number=12; fi
printf -v last '%04d-%02d' "$year" "$number"
month=${1:-$last}
if (($# > 1)) || [[ ! $month =~ ^[0-9]{4}-(0[1-9]|1[0-2])$ ]]; then
	echo "usage: ${0##*/} [YYYY-MM]" >&2
	exit 2
fi

year=$((10#${month%-*})) number=$((10#${month#*-}))
days=(31 28 31 30 31 30 31 31 30 31 30 31)
if ((year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))); then days[1]=29; fi

summary=$(kupla feedback summary --from "$month-01" --to "$month-${days[number - 1]}" --output json </dev/null)
rows=$(sed --regexp-extended --quiet 's/^\{"queueId":"([^"]*)".*"closedCount":([0-9]+).*/\1,\2/p' <<<"$summary")
if [[ $(wc -l <<<"$rows") != "$(wc -l <<<"$summary")" ]]; then
	echo "not every line has a queue and a count; this is what came:" >&2
	echo "$summary" >&2
	exit 1
fi

echo month,queue,closed_conversations
total=0
while IFS=, read -r queue count; do
	[[ -n $queue ]] || continue
	echo "$month,$queue,$count"
	total=$((total + count))
done <<<"$rows"
echo "$month,total,$total"
