/* stub_port.h: the port of the benchmarks.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BERTH_BENCH_STUB_PORT_H
#define BERTH_BENCH_STUB_PORT_H

#include "berth/port.h"

extern const berth_port_t bench_stub_port;

#endif /* BERTH_BENCH_STUB_PORT_H */
