/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"

static void endpoint_sums(void *arg, uint32_t ep_id, struct fb_endpoint_counters *ret)
{
	*ret = (struct fb_endpoint_counters){.packets = 100 + ep_id, .live = 3};
}

static void service_sums(void *arg, uint32_t service_id, struct fb_service_counters *ret)
{
	*ret = (struct fb_service_counters){.rejected = 7, .dropped = 8};
}

static char *render_in_pieces(uint32_t n_samples)
{
	static const struct fb_endpoint endpoint = {
		.addr = {.bytes = {[10] = 0xff, 0xff, 10, 1, 0, 1}},
		.port_be = RTE_BE16(8080),
		.state = FB_EP_ACTIVE,
		.id = 5,
	};
	static const struct fb_service service = {
		.proto = IPPROTO_TCP,
		.family = FB_IPV4,
		.endpoints = &endpoint,
		.n_endpoints = 1,
		.namespace_ = "shop",
		.name = "cart",
		.port = 80,
	};
	static const struct fb_service *const services[] = {&service, NULL};
	static const struct fb_snapshot snap = {
		.generation = 42,
		.services = services,
		.n_services = 2,
	};
	struct fb_worker_counters workers[2] = {
		{.rx_packets = 11, .drops = {[FB_REASON_VLAN] = 9}, .busy_tsc = 500},
		{.rx_packets = 12},
	};
	struct fb_metrics_port port = {
		.name = "lan",
		.link_up = true,
		.counters = {.tx_full = 4},
	};
	struct fb_metrics_origin origin = {.name = "/a \"b\"\\c\nd.yaml", .errors = 2};
	struct fb_metrics_pool pool = {
		.name = "wide", .family = FB_IPV6, .n_addresses = 65536, .n_used = 3};
	struct fb_metrics_view view = {
		.version = "1.2.3",
		.snap = &snap,
		.workers = workers,
		.n_workers = 2,
		.tsc_hz = 1000,
		.ports = &port,
		.n_ports = 1,
		.origins = &origin,
		.n_origins = 1,
		.pools = &pool,
		.n_pools = 1,
		.services_lacking = 2,
		.endpoint = endpoint_sums,
		.service = service_sums,
	};
	struct fb_metrics_progress progress = {0};
	struct fb_text text = {0};
	size_t len;
	char *data;

	while (fb_metrics_render(&view, &progress, n_samples, &text))
		;
	data = fb_text_take(&text, &len);
	assert_non_null(data);
	assert_int_equal(strlen(data), len);
	return data;
}

static char *render(void)
{
	return render_in_pieces(1000);
}

static void pieces_of_any_size_are_the_same_text(void **state)
{
	char *whole = render();

	(void)state;
	for (uint32_t n = 1; n < 20; n++) {
		char *text = render_in_pieces(n);

		assert_string_equal(text, whole);
		free(text);
	}
	free(whole);
}

static void every_kind_of_counter_is_there(void **state)
{
	static const char *const lines[] = {
		"\nforebay_generation 42\n",
		"\nforebay_build_info{version=\"1.2.3\"} 1\n",
		"\nforebay_worker_rx_packets_total{worker=\"1\"} 12\n",
		"\nforebay_worker_busy_seconds_total{worker=\"0\"} 0.5\n",
		"\nforebay_drops_total{worker=\"0\",reason=\"vlan\"} 9\n",
		"\nforebay_port_tx_full_total{port=\"lan\"} 4\n",
		"\nforebay_pool_addresses{pool=\"wide\",family=\"ipv6\"} 65536\n",
		"\nforebay_pool_addresses_used{pool=\"wide\",family=\"ipv6\"} 3\n",
		"\nforebay_services_lacking 2\n",
		"\nforebay_port_up{port=\"lan\"} 1\n",
		"\nforebay_service_endpoints{namespace=\"shop\",service=\"cart\",port=\"80\","
		"protocol=\"tcp\",family=\"ipv4\"} 1\n",
		"\nforebay_service_rejected_total{namespace=\"shop\",service=\"cart\",port=\"80\","
		"protocol=\"tcp\",family=\"ipv4\"} 7\n",
		"\nforebay_endpoint_packets_total{namespace=\"shop\",service=\"cart\",port=\"80\","
		"protocol=\"tcp\",family=\"ipv4\",endpoint=\"10.1.0.1:8080\"} 105\n",
	};
	char *text = render();

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strstr(text, lines[i]) == NULL)
			fail_msg("missing: %s", lines[i]);
	}
	free(text);
}

static void label_values_are_escaped(void **state)
{
	char *text = render();

	assert_non_null(strstr(text,
			       "forebay_manifest_errors{file=\"/a \\\"b\\\"\\\\c\\nd.yaml\"} 2\n"));
	free(text);
}

/* The format wants the samples of a family together, after its HELP and TYPE. */
static void each_family_is_opened_once_and_its_samples_follow(void **state)
{
	char *text = render();
	char *save = NULL;
	char family[128] = "";
	char opened[8192] = " ";
	size_t n_families = 0;

	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			size_t len = strcspn(line + 7, " ");

			assert_true(len + 1 < sizeof(family));
			memcpy(family, line + 7, len);
			family[len] = '\0';
			(void)strcat(family, " ");
			assert_null(strstr(opened, family));
			(void)strcat(opened, family);
			family[len] = '\0';
			n_families++;
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			assert_memory_equal(line + 7, family, strlen(family));
		} else {
			assert_memory_equal(line, family, strlen(family));
			assert_non_null(strchr("{ ", line[strlen(family)]));
		}
	}
	assert_true(n_families > 30);
	free(text);
}

static void before_the_first_generation_there_are_no_services(void **state)
{
	struct fb_metrics_view view = {.version = "1"};
	struct fb_text text = {0};
	size_t len;
	char *data;

	assert_false(fb_metrics_render(&view, &(struct fb_metrics_progress){0}, 1, &text));
	data = fb_text_take(&text, &len);
	assert_non_null(strstr(data, "\nforebay_generation 0\n"));
	assert_null(strstr(data, "forebay_service_"));
	free(data);
}

static void lack_of_memory_is_told_at_the_end(void **state)
{
	struct fb_text text = {.failed = true};
	size_t len;

	fb_text_family(&text, "x", "gauge", "help");
	assert_null(fb_text_take(&text, &len));
	assert_false(text.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_counter_is_there),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(pieces_of_any_size_are_the_same_text),
		cmocka_unit_test(each_family_is_opened_once_and_its_samples_follow),
		cmocka_unit_test(before_the_first_generation_there_are_no_services),
		cmocka_unit_test(lack_of_memory_is_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
