#!/usr/bin/env bash
# Alerts when somebody has waited too long.
#
#   waiting_alert.sh SECONDS STATE_FILE COMMAND [ARGUMENT…]
#
# COMMAND is run once for each conversation that has waited longer than SECONDS, with the alert as its standard input;
# STATE_FILE remembers which those were. An alert whose command fails is tried again the next time, and the script
# ends with 1. Run it every minute:
#
#   * * * * *  waiting_alert.sh 900 /var/lib/kupla/alerted mail -s 'Chat: long wait' on-call@example.fi
#
# Needs the token of a supervisor, or of a professional, of the queues to look at. An alert tells the queue and since
# when; nobody knows more about somebody who waits. Of each queue the service tells the first 50, in order: those
# behind them are alerted about when they come that far.
set -euo pipefail
export LC_ALL=C TZ=UTC0

if (($# < 3)); then
	echo "usage: ${0##*/} SECONDS STATE_FILE COMMAND [ARGUMENT…]" >&2
	exit 2
fi
seconds=$1 state=$2
shift 2

# One at a time: a run that is still busy alerting leaves what is new to the next.
touch "$state"
exec 9>>"$state.lock"
flock --nonblock 9 || exit 0

printf -v now '%(%s)T' -1
printf -v limit '%(%Y-%m-%dT%H:%M:%S)T' "$((now - seconds))"

# Those alerted about are remembered for a week, longer than anybody waits: a conversation that returns to its queue is
# the same one.
declare -A alerted=()
while read -r when id; do
	if ((when > now - 7 * 86400)); then alerted[$id]=$when; fi
done <"$state"

# The desk as it is now. Each one who waits is an object without others in it; what residents write cannot look like
# one, since its quotes are escaped.
desk=$(kupla desk watch --once --output json </dev/null)

failed=0
while IFS=$'\t' read -r id queue arrival; do
	[[ $arrival < $limit && -z ${alerted[$id]:-} ]] || continue
	if "$@" 9>&- <<-END; then
		Somebody has waited in the queue $queue since ${arrival:11:5} UTC, longer than $((seconds / 60)) minutes.
		Conversation: $id
	END
		alerted[$id]=$now
		echo "$now $id" >>"$state" # at once, so that whatever happens next does not repeat it
	else
		failed=1
	fi
done < <(grep --only-matching '{"conversationId":"[^{}]*"arrivalTime":"[^{}]*}' <<<"$desk" |
	sed --regexp-extended 's/.*"conversationId":"([^"]*)".*"queueId":"([^"]*)".*"arrivalTime":"([^"]*)".*/\1\t\2\t\3/')

# Forget those of before last week.
for id in "${!alerted[@]}"; do echo "${alerted[$id]} $id"; done >"$state.new"
mv "$state.new" "$state"
exit "$failed"
