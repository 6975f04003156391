/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "desired/env.h"
#include "manifest/manifest.h"

#define SERVICE(name, spec)                                           \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name \
	", namespace: shop}, spec: {" spec "}}\n"
#define IN_DEFAULT(name, spec) \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name "}, spec: {" spec "}}\n"
static struct fb_store *store_of(const char *text)
{
	struct fb_store *store = fb_store_create();
	struct fb_objects objects = FB_OBJECTS_INIT;
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_store_change change = {.origin = "m", .objects = &objects};

	assert_int_equal(fb_manifest_parse("m", text, strlen(text), &objects, &errs), 0);
	assert_int_equal(fb_store_apply(store, &change, &errs, NULL), 0);
	assert_int_equal(errs.n_errors, 0);
	fb_objects_fini(&objects);
	fb_errs_fini(&errs);
	return store;
}

/* The variables as lines, and the notices behind them. */
static void describe(const char *manifest, const char *namespace_, bool links, char *text,
		     size_t size)
{
	struct fb_store *store = store_of(manifest);
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_env env;
	size_t len = 0;

	text[0] = '\0';
	assert_int_equal(fb_env_build(store, namespace_, links, &env, &errs), 0);
	for (size_t i = 0; i < env.n; i++)
		len += (size_t)snprintf(text + len, size - len, "%s=%s\n", env.v[i].name,
					env.v[i].value);
	for (size_t i = 0; i < errs.n; i++)
		len += (size_t)snprintf(text + len, size - len, "# %s\n", errs.v[i].text);
	assert_true(len < size);
	fb_env_free(&env);
	fb_errs_fini(&errs);
	fb_store_free(store);
}

struct rule {
	const char *says;
	const char *objects;
	const char *wants; /* in namespace shop, with links */
};

#define FOUR(name, port, proto, lower, host, addr)                                               \
	name "_PORT_" port "_" proto "=" lower "://" host ":" port "\n" name "_PORT_" port       \
	     "_" proto "_PROTO=" lower "\n" name "_PORT_" port "_" proto "_PORT=" port "\n" name \
	     "_PORT_" port "_" proto "_ADDR=" addr "\n"

static const struct rule rules[] = {
	{"one port without a name",
	 SERVICE("redis-master", "clusterIP: 10.0.0.11, ports: [{port: 6379}]"),
	 "REDIS_MASTER_SERVICE_HOST=10.0.0.11\nREDIS_MASTER_SERVICE_PORT=6379\n"
	 "REDIS_MASTER_PORT=tcp://10.0.0.11:6379\n" FOUR("REDIS_MASTER", "6379", "TCP", "tcp",
							 "10.0.0.11", "10.0.0.11")},
	{"ports with names, and the first one is the Service's",
	 SERVICE("abc-123", "clusterIP: 5.6.7.8, ports: [{name: u-d-p, port: 8081, protocol: UDP}, "
			    "{name: t-c-p, port: 8081}]"),
	 "ABC_123_SERVICE_HOST=5.6.7.8\nABC_123_SERVICE_PORT=8081\n"
	 "ABC_123_SERVICE_PORT_U_D_P=8081\nABC_123_SERVICE_PORT_T_C_P=8081\n"
	 "ABC_123_PORT=udp://5.6.7.8:8081\n" FOUR("ABC_123", "8081", "UDP", "udp", "5.6.7.8",
						  "5.6.7.8")
		 FOUR("ABC_123", "8081", "TCP", "tcp", "5.6.7.8", "5.6.7.8")},
	{"a port may be called by a number, and SCTP is a protocol like others",
	 SERVICE("q-u-u-x",
		 "clusterIP: 9.8.7.6, ports: [{name: '8083', port: 8083}, {name: s, port: 777, "
		 "protocol: SCTP}]"),
	 "Q_U_U_X_SERVICE_HOST=9.8.7.6\nQ_U_U_X_SERVICE_PORT=8083\nQ_U_U_X_SERVICE_PORT_8083=8083\n"
	 "Q_U_U_X_SERVICE_PORT_S=777\nQ_U_U_X_PORT=tcp://9.8.7.6:8083\n" FOUR("Q_U_U_X", "8083",
									      "TCP", "tcp",
									      "9.8.7.6", "9.8.7.6")
		 FOUR("Q_U_U_X", "777", "SCTP", "sctp", "9.8.7.6", "9.8.7.6")},
	{"an address is spelled as the Service spells it, IPv6 in brackets inside URLs only",
	 SERVICE("v6", "clusterIP: '2001:DB8::', clusterIPs: ['2001:db8::', 10.0.0.9], "
		       "ports: [{port: 8084, protocol: UDP}]"),
	 "V6_SERVICE_HOST=2001:DB8::\nV6_SERVICE_PORT=8084\nV6_PORT=udp://[2001:DB8::]:8084\n" FOUR(
		 "V6", "8084", "UDP", "udp", "[2001:DB8::]", "2001:DB8::")},
	{"clusterIPs alone will do",
	 SERVICE("a", "clusterIPs: ['2001:DB8::1'], ports: [{port: 1}]"),
	 "A_SERVICE_HOST=2001:DB8::1\nA_SERVICE_PORT=1\nA_PORT=tcp://[2001:DB8::1]:1\n" FOUR(
		 "A", "1", "TCP", "tcp", "[2001:DB8::1]", "2001:DB8::1")},
	{"nothing for a headless Service, an ExternalName, or one without an address",
	 SERVICE("a", "clusterIP: None, ports: [{port: 80}]")
		 SERVICE("b", "type: ExternalName, externalName: a.b, ports: [{port: 80}]")
			 SERVICE("c", "ports: [{port: 80}]")
				 SERVICE("d", "clusterIP: '', ports: [{port: 80}]"),
	 ""},
	{"nothing of other namespaces, but default/kubernetes",
	 IN_DEFAULT("web", "clusterIP: 10.0.0.2, ports: [{port: 80}]") IN_DEFAULT(
		 "kubernetes",
		 "clusterIP: 10.0.0.1, ports: [{name: https, port: 443, targetPort: 6443}]"),
	 "KUBERNETES_SERVICE_HOST=10.0.0.1\nKUBERNETES_SERVICE_PORT=443\n"
	 "KUBERNETES_SERVICE_PORT_HTTPS=443\nKUBERNETES_PORT=tcp://10.0.0.1:443\n" FOUR(
		 "KUBERNETES", "443", "TCP", "tcp", "10.0.0.1", "10.0.0.1")},
	{"the namespace's own kubernetes hides it",
	 IN_DEFAULT("kubernetes", "clusterIP: 10.0.0.1, ports: [{port: 443}]")
		 SERVICE("kubernetes", "clusterIP: 10.0.0.5, ports: [{port: 1}]"),
	 "KUBERNETES_SERVICE_HOST=10.0.0.5\nKUBERNETES_SERVICE_PORT=1\nKUBERNETES_PORT=tcp://10.0.0.5:1\n" FOUR(
		 "KUBERNETES", "1", "TCP", "tcp", "10.0.0.5", "10.0.0.5")},
	{"but not where it has no address",
	 IN_DEFAULT("kubernetes", "clusterIP: 10.0.0.1, ports: [{port: 443}]")
		 SERVICE("kubernetes", "clusterIP: None, ports: [{port: 1}]"),
	 "KUBERNETES_SERVICE_HOST=10.0.0.1\nKUBERNETES_SERVICE_PORT=443\n"
	 "KUBERNETES_PORT=tcp://10.0.0.1:443\n" FOUR("KUBERNETES", "443", "TCP", "tcp", "10.0.0.1",
						     "10.0.0.1")},
	{"Services come in the order of their names; two that make one variable are told",
	 SERVICE("a-service", "clusterIP: 10.0.0.2, ports: [{port: 80}]")
		 SERVICE("a", "clusterIP: 10.0.0.1, ports: [{port: 80}]"),
	 "A_SERVICE_HOST=10.0.0.1\nA_PORT=tcp://10.0.0.1:80\n" FOUR(
		 "A", "80", "TCP", "tcp", "10.0.0.1",
		 "10.0.0.1") "A_SERVICE_SERVICE_HOST=10.0.0.2\nA_SERVICE_SERVICE_PORT=80\n"
			     "A_SERVICE_PORT=tcp://10.0.0.2:80\n" FOUR(
				     "A_SERVICE", "80", "TCP", "tcp", "10.0.0.2",
				     "10.0.0.2") "# A_SERVICE_PORT: Services shop/a (80) and shop/a-service (tcp://10.0.0.2:80) both make it; a "
						 "pod has one of them at random\n"},
	{"a name that begins with a digit is told",
	 SERVICE("1st", "clusterIP: 10.0.0.1, ports: [{port: 80}]"),
	 "1ST_SERVICE_HOST=10.0.0.1\n1ST_SERVICE_PORT=80\n1ST_PORT=tcp://10.0.0.1:80\n" FOUR(
		 "1ST", "80", "TCP", "tcp", "10.0.0.1",
		 "10.0.0.1") "# Service shop/1st: its variables begin with a digit, which no shell can set\n"},
	{"another proxy's Service is in the environment all the same",
	 "---\n{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop, labels: "
	 "{service.kubernetes.io/service-proxy-name: x}}, spec: {clusterIP: 10.0.0.1, ports: [{port: 2}]}}\n",
	 "A_SERVICE_HOST=10.0.0.1\nA_SERVICE_PORT=2\nA_PORT=tcp://10.0.0.1:2\n" FOUR("A", "2",
										     "TCP", "tcp",
										     "10.0.0.1",
										     "10.0.0.1")},
};

static void a_pod_is_given_what_the_kubelet_gives_it(void **state)
{
	char text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		describe(rules[i].objects, "shop", true, text, sizeof(text));
		if (strcmp(text, rules[i].wants) != 0)
			fail_msg("%s:\n%s\nnot\n%s", rules[i].says, text, rules[i].wants);
	}
}

static void without_service_links_there_is_only_the_api_server(void **state)
{
	char text[4096];

	(void)state;
	describe(IN_DEFAULT("kubernetes", "clusterIP: 10.0.0.1, ports: [{port: 443}]")
			 SERVICE("kubernetes", "clusterIP: 10.0.0.5, ports: [{port: 1}]")
				 SERVICE("web", "clusterIP: 10.0.0.6, ports: [{port: 1}]"),
		 "shop", false, text, sizeof(text));
	assert_string_equal(text,
			    "KUBERNETES_SERVICE_HOST=10.0.0.1\nKUBERNETES_SERVICE_PORT=443\n"
			    "KUBERNETES_PORT=tcp://10.0.0.1:443\n" FOUR("KUBERNETES", "443", "TCP",
									"tcp", "10.0.0.1",
									"10.0.0.1"));
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
	struct fb_store *store = store_of(rules[9].objects);
	unsigned int n = 1;

	(void)state;
	for (;; n++) {
		struct fb_errs errs = FB_ERRS_INIT;
		struct fb_env env = {0};
		size_t live = alloc_fail_live();
		int rc;

		alloc_fail_at(n);
		rc = fb_env_build(store, "shop", true, &env, &errs);
		if (!alloc_fail_stop()) {
			assert_int_equal(rc, 0);
			fb_env_free(&env);
			fb_errs_fini(&errs);
			break;
		}
		/* A notice that is lost is remembered, not reported. */
		assert_true(rc == -ENOMEM || (rc == 0 && errs.lost));
		fb_env_free(&env);
		fb_errs_fini(&errs);
		assert_int_equal(alloc_fail_live(), live);
	}
	assert_true(n > 3);
	fb_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pod_is_given_what_the_kubelet_gives_it),
		cmocka_unit_test(without_service_links_there_is_only_the_api_server),
		cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
