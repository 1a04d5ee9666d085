/* port_template.h: a port to copy: one task, no interrupts, no clock.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Copy the folder to ports/NAME, put NAME for "template" everywhere, and follow docs/porting.md.
 * As it stands it is a right port for a program of one thread; each comment in port_template.c
 * says what a platform with more must do in that place.
 */
#ifndef BERTH_PORT_TEMPLATE_H
#define BERTH_PORT_TEMPLATE_H

#include "berth/port.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Say here what a firmware's author must know: what counts as an ISR, which tasks may use it, what
 * time is. */
extern const berth_port_t berth_port_template;

#ifdef __cplusplus
}
#endif

#endif /* BERTH_PORT_TEMPLATE_H */
