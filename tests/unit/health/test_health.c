/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "health/health.h"

static struct fb_health *open_health(void)
{
	struct fb_addr addrs[2];
	struct fb_health *health;

	assert_int_equal(fb_addr_parse("127.0.0.1", &addrs[0]), 0);
	assert_int_equal(fb_addr_parse("::1", &addrs[1]), 0);
	health = fb_health_open(addrs, 2);
	assert_non_null(health);
	return health;
}

static int connect_to(uint16_t port, bool v6)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	int rc = v6 ? connect(fd, (struct sockaddr *)&sin6, sizeof(sin6))
		    : connect(fd, (struct sockaddr *)&sin, sizeof(sin));

	if (rc == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* One request over a real socket; server and client take turns on this thread. */
static void ask(struct fb_health *health, uint16_t port, bool v6, const char *request, char *answer,
		size_t size)
{
	int fd = connect_to(port, v6);
	size_t len = 0;

	assert_true(fd >= 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	for (int turns = 0; turns < 1000; turns++) {
		struct pollfd fds[2] = {
			{.fd = fb_health_fd(health), .events = POLLIN},
			{.fd = fd, .events = POLLIN},
		};
		ssize_t n;

		if (fb_health_timeout_ms(health) != 0)
			assert_true(poll(fds, 2, 2000) > 0);
		fb_health_process(health);
		if ((fds[1].revents & (POLLIN | POLLHUP)) == 0)
			continue;
		n = recv(fd, answer + len, size - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	answer[len] = '\0';
	(void)close(fd);
}

/* A port that nobody has just now; another test's program may take it, which would be told. */
static uint16_t free_port(void)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(sin6);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin6, &len), 0);
	(void)close(fd);
	return ntohs(sin6.sin6_port);
}

#define GET "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void each_family_is_told_its_endpoints(void **state)
{
	static const char body[] = "\r\n\r\n{\n\t\"service\": {\n\t\t\"namespace\": \"shop\",\n"
				   "\t\t\"name\": \"web\"\n\t},\n\t\"localEndpoints\": 3,\n"
				   "\t\"serviceProxyHealthy\": true\n}\n";
	struct fb_health *health = open_health();
	struct fb_errs errs = FB_ERRS_INIT;
	uint32_t n[FB_FAMILY_COUNT] = {[FB_IPV4] = 3, [FB_IPV6] = 0};
	uint16_t port = free_port();
	char answer[2048];

	(void)state;
	fb_health_set(health, "shop", "web", port, n, &errs);
	assert_int_equal(errs.n, 0);
	ask(health, port, false, GET, answer, sizeof(answer));
	assert_int_equal(strncmp(answer, "HTTP/1.1 200 ", 13), 0);
	assert_non_null(strstr(answer, body));
	assert_non_null(strstr(answer, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(answer, "\r\nX-Load-Balancing-Endpoint-Weight: 3\r\n"));
	ask(health, port, true, GET, answer, sizeof(answer));
	assert_int_equal(strncmp(answer, "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(answer, "\"localEndpoints\": 0,"));
	assert_non_null(strstr(answer, "\r\nX-Load-Balancing-Endpoint-Weight: 0\r\n"));
	/* Any path, and the numbers of now. */
	n[FB_IPV6] = 1;
	fb_health_set(health, "shop", "web", port, n, &errs);
	ask(health, port, true, "GET /any/path?x HTTP/1.0\r\n\r\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, " 200 "));
	/* HEAD is the same without a body. */
	ask(health, port, false, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", answer,
	    sizeof(answer));
	assert_non_null(strstr(answer, "X-Load-Balancing-Endpoint-Weight: 3"));
	assert_null(strstr(answer, "localEndpoints"));
	fb_health_close(health);
}

static void one_that_goes_is_answered_no_more(void **state)
{
	struct fb_health *health = open_health();
	struct fb_errs errs = FB_ERRS_INIT;
	uint32_t n[FB_FAMILY_COUNT] = {1, 1};
	uint16_t port = free_port();
	uint16_t other;
	char answer[2048];

	(void)state;
	fb_health_set(health, "default", "web", port, n, &errs);
	other = free_port();
	fb_health_set(health, "default", "web", other, n, &errs);
	assert_int_equal(connect_to(port, false), -1);
	ask(health, other, false, GET, answer, sizeof(answer));
	fb_health_set(health, "default", "web", 0, n, &errs);
	fb_health_set(health, "default", "never", 0, n, &errs);
	assert_int_equal(connect_to(other, false), -1);
	assert_int_equal(errs.n, 0);
	fb_health_close(health);
}

static void two_services_on_one_port_are_told_and_take_turns(void **state)
{
	struct fb_health *health = open_health();
	struct fb_errs errs = FB_ERRS_INIT;
	uint32_t n[FB_FAMILY_COUNT] = {1, 1};
	uint16_t port = free_port();
	char answer[2048];
	char text[128];

	(void)state;
	fb_health_set(health, "default", "a", port, n, &errs);
	fb_health_set(health, "default", "b", port, n, &errs);
	fb_health_set(health, "default", "b", port, n, &errs);
	assert_int_equal(errs.n, 1);
	(void)snprintf(text, sizeof(text),
		       "Service default/b: its healthCheckNodePort %u is answered for default/a",
		       port);
	assert_string_equal(errs.v[0].text, text);
	fb_errs_fini(&errs);
	fb_health_set(health, "default", "a", 0, n, &errs);
	ask(health, port, false, GET, answer, sizeof(answer));
	assert_non_null(strstr(answer, "\"name\": \"b\""));
	assert_int_equal(errs.n, 0);
	fb_health_close(health);
}

static void a_port_of_another_program_is_told(void **state)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct fb_health *health = open_health();
	struct fb_errs errs = FB_ERRS_INIT;
	uint32_t n[FB_FAMILY_COUNT] = {1, 1};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(sin);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	fb_health_set(health, "default", "a", ntohs(sin.sin_port), n, &errs);
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.v[0].text, "cannot be answered: Address already in use"));
	fb_errs_fini(&errs);
	(void)close(fd);
	fb_health_close(health);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_family_is_told_its_endpoints),
		cmocka_unit_test(one_that_goes_is_answered_no_more),
		cmocka_unit_test(two_services_on_one_port_are_told_and_take_turns),
		cmocka_unit_test(a_port_of_another_program_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
