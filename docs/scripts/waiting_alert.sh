#!/usr/bin/env bash
# Alerts when somebody has waited too long.
#
#   waiting_alert.sh SECONDS STATE_FILE COMMAND [ARGUMENT…]
#
# COMMAND is run once for each conversation that has waited longer than SECONDS, with the alert as its standard input;
# STATE_FILE remembers which those were. An alert whose command fails is tried again the next time, and the script
# ends with 1, and so is one that takes longer than a minute: it is ended then. Run it every minute:
#
#   * * * * *  waiting_alert.sh 900 /var/lib/kupla/alerted mail -s 'Chat: long wait' on-call@example.fi
#
# Needs the token of a supervisor of the queues to look at, and not of one who is a professional, too: to look at the desk
# with a professional's token tells the service each minute that they are there, and their conversations would never go
# back to their queues when their own desk dies. For somebody who is both, `kuplad token create … --only-role supervisor`
# makes a token for this.
#
# An alert tells the queue and since when; nobody knows more about somebody who waits. Of each queue the service tells the
# first 50, in order: those behind them are alerted about when they come that far.
set -euo pipefail
export LC_ALL=C TZ=UTC0

if (($# < 3)); then
	echo "usage: ${0##*/} SECONDS STATE_FILE COMMAND [ARGUMENT…]" >&2
	exit 2
fi
seconds=$1 state=$2
limit_of_command=60 # seconds
shift 2

printf -v now '%(%s)T' -1

# One at a time: a run that is still busy alerting leaves what is new to the next. When it is busy for ten minutes,
# somebody has to know: until it ends nobody is alerted.
touch "$state"
exec 9>>"$state.lock"
if ! flock --nonblock 9; then
	since=$(stat --format=%Y "$state.lock")
	if ((now - since < 600)); then exit 0; fi
	echo "another run has been busy for $(((now - since) / 60)) minutes; until it ends nobody is alerted" >&2
	exit 1
fi
touch "$state.lock"

# What a supervisor may do shows whose token it is, before the desk is opened with it: a professional is refused.
status=0
printf -v today '%(%Y-%m-%d)T' "$now"
kupla feedback summary --from "$today" --to "$today" --output json </dev/null >/dev/null || status=$?
if ((status == 6)); then
	echo "this needs the token of a supervisor: with a professional's own one they would seem to be there for ever" >&2
	exit 2
fi
((status == 0)) || exit "$status" # kupla has told why

printf -v limit '%(%Y-%m-%dT%H:%M:%S)T' "$((now - seconds))"

# Those alerted about are remembered for a week, longer than anybody waits: a conversation that returns to its queue is
# the same one.
declare -A alerted=()
while read -r when id; do
	# A line that was cut short, as by a full disk, is passed over.
	if [[ $when =~ ^[0-9]+$ && -n $id ]] && ((when > now - 7 * 86400)); then alerted[$id]=$when; fi
done <"$state"

# The desk as it is now. Each one who waits is an object without others in it; what residents write cannot look like
# one, since its quotes are escaped.
desk=$(kupla desk watch --once --output json </dev/null)

failed=0
while IFS=$'\t' read -r id queue arrival; do
	[[ $arrival < $limit && -z ${alerted[$id]:-} ]] || continue
	if timeout --kill-after=5 "$limit_of_command" "$@" 9>&- <<-END; then
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
