// velbo/export.h - symbol visibility: everything is hidden but what carries VELBO_EXPORT.
#pragma once

#if defined(__GNUC__)
#define VELBO_EXPORT __attribute__((visibility("default")))
#else
#define VELBO_EXPORT
#endif
