/* tls.h: a TLS handshake by mbedTLS in memory: what scenarios about handshakes share.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Both ends are mbedTLS's own. The server's memory is the host's, the client's is Berth's: the
 * linker leads calloc() and free() here (--wrap), so that the library is as it is installed.
 * Random numbers are drawn from a seed: each handshake makes the same calls.
 */
#ifndef TESTS_SCENARIO_TLS_H
#define TESTS_SCENARIO_TLS_H

#include <stddef.h>
#include <stdint.h>

/* What calls for memory; NULL: the host's. */
typedef struct tls_heap {
    void *(*alloc)(size_t count, size_t size);
    void (*free)(void *block);
} tls_heap_t;

typedef enum tls_peer {
    TLS_TRUSTED,  /* its certificate is signed by whom the client trusts */
    TLS_STRANGER, /* by somebody else */
    TLS_EXPIRED,
    TLS_PEERS
} tls_peer_t;

/* Makes the certificates, and lets go of what that took. */
void tls_start(void);
void tls_stop(void);

/* Connects as a client does, from its first allocation on, and hangs up. Its memory comes from the
 * heap. Returns mbedTLS's error, 0: connected; always gives back all memory. */
int tls_connect(tls_peer_t peer, const tls_heap_t *heap);

#endif /* TESTS_SCENARIO_TLS_H */
