/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Both ends of SCTP associations, on usrsctp: a whole SCTP stack over raw sockets, for kernels that have
 * none. The server sends every message back; the client looks whether each came back as it was.
 *
 *     sctp serve PORT                             each association begins with who its client is seen as,
 *                                                 and how many addresses of it are known
 *     sctp call ADDRESS PORT MESSAGES N [AGAIN]   N associations, so many messages each; with AGAIN, a
 *                                                 FIFO, another round after each line, until "end"
 *
 * Exit status of a call: 0, all came back; 1, something else happened; 3, refused.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <usrsctp.h>

#define MESSAGE_MAX 40000 /* goes in many chunks over a link of 1500 bytes */
#define DEADLINE_S  60
#define CALLS_MAX   64

struct call {
	struct sockaddr_in6 to; /* or a struct sockaddr_in */
	struct socket *socket;
	unsigned int first;
	unsigned int n;
};

static void quit(const char *what)
{
	int status = errno == ECONNREFUSED ? 3 : 1;

	perror(what);
	exit(status);
}

/* What the n-th message says: 1 byte to MESSAGE_MAX, each byte another. */
static size_t fill(unsigned int n, uint8_t *bytes)
{
	uint32_t random = n * 2654435761u + 1;
	size_t len = n % 3 == 0 ? 1 + n % 1500 : 1 + random % MESSAGE_MAX;

	for (size_t i = 0; i < len; i++) {
		random = random * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(random >> 24);
	}
	return len;
}

/* One message, however many pieces it comes in. @return its length, 0 at the end */
static size_t receive(struct socket *s, uint8_t *bytes)
{
	size_t len = 0;

	for (;;) {
		struct sctp_rcvinfo info;
		socklen_t info_len = sizeof(info);
		unsigned int info_type = 0;
		int flags = 0;
		ssize_t n = usrsctp_recvv(s, bytes + len, MESSAGE_MAX + 1 - len, NULL, NULL, &info,
					  &info_len, &info_type, &flags);

		if (n <= 0) {
			if (n < 0)
				perror("receive");
			return 0;
		}
		len += (size_t)n;
		if (flags & MSG_EOR)
			return len;
		if (len > MESSAGE_MAX)
			return 0;
	}
}

static bool transmit(struct socket *s, const void *bytes, size_t len)
{
	if (usrsctp_sendv(s, bytes, len, NULL, 0, NULL, 0, SCTP_SENDV_NOINFO, 0) == (ssize_t)len)
		return true;
	perror("send");
	return false;
}

static void *serve_one(void *arg)
{
	struct socket *s = arg;
	uint8_t *bytes = malloc(MESSAGE_MAX + 1);
	struct sockaddr *peers = NULL;
	char text[128] = "";
	size_t len;

	int n = usrsctp_getpaddrs(s, 0, &peers);

	if (n > 0) {
		char address[INET6_ADDRSTRLEN] = "";
		struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)peers;
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)peers;

		if (peers->sa_family == AF_INET)
			inet_ntop(AF_INET, &v4->sin_addr, address, sizeof(address));
		else
			inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof(address));
		snprintf(text, sizeof(text), "%s %u, %d address", address, ntohs(v4->sin_port), n);
		usrsctp_freepaddrs(peers);
	}
	if (bytes != NULL && transmit(s, text, strlen(text))) {
		while ((len = receive(s, bytes)) > 0 && transmit(s, bytes, len))
			;
	}
	free(bytes);
	usrsctp_close(s);
	return NULL;
}

static _Noreturn void serve(uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct socket *s = usrsctp_socket(AF_INET6, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);

	if (s == NULL || usrsctp_bind(s, (struct sockaddr *)&any, sizeof(any)) != 0 || usrsctp_listen(s, 64) != 0)
		quit("serve");
	printf("listening\n");
	for (;;) {
		struct socket *one = usrsctp_accept(s, NULL, NULL);
		pthread_t thread;

		if (one == NULL)
			quit("accept");
		if (pthread_create(&thread, NULL, serve_one, one) != 0)
			quit("thread");
		pthread_detach(thread);
	}
}

static void *send_all(void *arg)
{
	struct call *call = arg;
	uint8_t *bytes = malloc(MESSAGE_MAX);

	for (unsigned int i = 0; i < call->n && bytes != NULL; i++) {
		if (!transmit(call->socket, bytes, fill(call->first + i, bytes)))
			break;
	}
	free(bytes);
	return NULL;
}

/* All messages forth and back at the same time. */
static void exchange(struct call *call)
{
	uint8_t *wanted = malloc(MESSAGE_MAX);
	uint8_t *got = malloc(MESSAGE_MAX + 1);
	unsigned long long total = 0;
	pthread_t sender;

	if (wanted == NULL || got == NULL || pthread_create(&sender, NULL, send_all, call) != 0)
		quit("exchange");
	for (unsigned int i = 0; i < call->n; i++) {
		size_t len = fill(call->first + i, wanted);
		size_t came = receive(call->socket, got);

		if (came != len || memcmp(got, wanted, len) != 0) {
			fprintf(stderr, "message %u of %zu bytes came back as %zu others\n",
				call->first + i, len, came);
			exit(1);
		}
		total += len;
	}
	pthread_join(sender, NULL);
	call->first += call->n;
	printf("%u messages, %llu bytes\n", call->n, total);
	free(wanted);
	free(got);
}

static void *call_one(void *arg)
{
	struct call *call = arg;
	const struct sockaddr *to = (const struct sockaddr *)&call->to;
	uint8_t *greeting = malloc(MESSAGE_MAX + 1);
	struct sockaddr *peers = NULL;

	call->socket = usrsctp_socket(to->sa_family, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0,
				      NULL);
	if (greeting == NULL || call->socket == NULL ||
	    usrsctp_connect(call->socket, (struct sockaddr *)&call->to,
			    to->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						     : sizeof(struct sockaddr_in6)) != 0)
		quit("connect");
	greeting[receive(call->socket, greeting)] = '\0';
	printf("seen as %s\n", (char *)greeting);
	free(greeting);
	printf("server has %d address\n", usrsctp_getpaddrs(call->socket, 0, &peers));
	usrsctp_freepaddrs(peers);
	exchange(call);
	return NULL;
}

static struct sockaddr_in6 address_of(const char *text, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		return v6;
	if (inet_pton(AF_INET, text, &v4.sin_addr) != 1)
		quit(text);
	memcpy(&v6, &v4, sizeof(v4));
	return v6;
}

/* Associations at the same time, of one stack: several would lose what the others' buffers hold. */
static void call_server(struct sockaddr_in6 to, unsigned int n_messages, unsigned int n,
			const char *again)
{
	struct call calls[CALLS_MAX] = {0};
	pthread_t threads[CALLS_MAX];
	FILE *fifo = NULL;
	char line[16];

	for (unsigned int i = 0; i < n; i++) {
		calls[i] = (struct call){.to = to, .n = n_messages, .first = i * n_messages};
		if (pthread_create(&threads[i], NULL, call_one, &calls[i]) != 0)
			quit("thread");
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (again != NULL && (fifo = fopen(again, "r")) == NULL)
		quit(again);
	while (fifo != NULL && fgets(line, sizeof(line), fifo) != NULL && strcmp(line, "end\n") != 0)
		for (unsigned int i = 0; i < n; i++)
			exchange(&calls[i]);
	for (unsigned int i = 0; i < n; i++)
		usrsctp_close(calls[i].socket);
	/* Until SHUTDOWN COMPLETE: nothing is left in use then. */
	while (usrsctp_finish() != 0)
		usleep(10000);
	printf("closed\n");
}

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	usrsctp_init(0, NULL, say);
	/* The lab's CPUs are few: what is lost to a full buffer is sent again soon. */
	usrsctp_sysctl_set_sctp_rto_min_default(100);
	usrsctp_sysctl_set_sctp_rto_initial_default(500);
	usrsctp_sysctl_set_sctp_rto_max_default(1000);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve((uint16_t)atoi(argv[2]));
	if (argc < 6 || strcmp(argv[1], "call") != 0 || atoi(argv[5]) > CALLS_MAX)
		return 2;
	alarm(DEADLINE_S);
	call_server(address_of(argv[2], (uint16_t)atoi(argv[3])), (unsigned int)atoi(argv[4]),
		    (unsigned int)atoi(argv[5]), argv[6]);
	return 0;
}
