# warnings.cmake: what our own code must compile under, as a target that it links.
# SPDX-License-Identifier: Apache-2.0

# Errors at home only: a newer compiler's new warning must not break the build of who embeds us.
add_library(berth_warnings INTERFACE)
target_compile_options(
  berth_warnings
  INTERFACE $<$<BOOL:${PROJECT_IS_TOP_LEVEL}>:-Werror>
            -Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wsign-conversion
            -Wshadow
            -Wcast-align
            -Wundef
            -Wswitch-enum
            -Wvla
            -Wdouble-promotion
            $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
            $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
