# SPDX-License-Identifier: BSD-3-Clause
# bash completion for forebayctl

_forebayctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs="get describe apply delete diff explain env expose drain version help"
	local verb="" word
	local -A options=(
		[get]="--namespace --all-namespaces --selector --sort-by --output --watch --limit --offline
			--config --filename"
		[describe]="--namespace --output --offline --config --filename"
		[apply]="--filename --output"
		[delete]="--filename --output"
		[diff]="--filename --output"
		[explain]="--output --offline --config --filename"
		[env]="--output --format --no-service-links --offline --config --filename"
		[expose]="--namespace --port --target-port --protocol --name --labels --selector --type --cluster-ip
			--external-ip --load-balancer-ip --session-affinity --output --offline --config --filename"
		[drain]="--deadline --no-wait --cancel --output"
		[version]="--output"
		[none]="--version"
	)

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case " $verbs " in
		*" $word "*)
			verb=$word
			break
			;;
		esac
	done
	case $prev in
	-o | --output)
		mapfile -t COMPREPLY < <(compgen -W "table wide json yaml" -- "$cur")
		return
		;;
	--type)
		mapfile -t COMPREPLY < <(compgen -W "ClusterIP NodePort LoadBalancer" -- "$cur")
		return
		;;
	--protocol)
		mapfile -t COMPREPLY < <(compgen -W "TCP UDP SCTP" -- "$cur")
		return
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W "env docker export" -- "$cur")
		return
		;;
	-f | --filename | --config | --socket)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-n | --namespace | --limit | -l | --selector | --sort-by | --deadline)
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--help --socket ${options[${verb:-none}]-}" -- "$cur")
		return
	fi
	case $verb in
	"" | help)
		mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
		;;
	get)
		mapfile -t COMPREPLY < <(compgen -W \
			"services endpoints pods nodes flows workers ports drops status" -- "$cur")
		;;
	describe)
		if [[ $prev == service ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(forebayctl get services -A 2>/dev/null |
				awk 'NR > 1 { print $1 "/" $2 }')" -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -W "service" -- "$cur")
		fi
		;;
	expose)
		mapfile -t COMPREPLY < <(compgen -W "pod pods service" -- "$cur")
		;;
	explain)
		mapfile -t COMPREPLY < <(compgen -W "tcp udp sctp icmp" -- "$cur")
		;;
	esac
}

complete -F _forebayctl forebayctl
