/* peer_load.c: finds another allocator's adapter.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "peer_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

const bench_peer_t *peer_load(const char *path)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const bench_peer_t *peer = object == NULL ? NULL : dlsym(object, "bench_peer");
    if (peer == NULL) {
        fprintf(stderr, "bench: %s; a path needs a slash in it, as in ./adapter.so\n", dlerror());
        exit(2);
    }
    if (peer->version != BENCH_PEER_VERSION) {
        fprintf(stderr, "bench: %s: made for version %u of peer.h, this is %u; build it anew\n",
                path, peer->version, BENCH_PEER_VERSION);
        exit(2);
    }
    return peer;
}
