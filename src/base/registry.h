/* Registries: models that users pick by name. Every model's struct starts with `const char *name`. */
#ifndef RV_BASE_REGISTRY_H
#define RV_BASE_REGISTRY_H

#include <ranvier/base.h>

typedef struct rv_registry {
    const char *kind; /* in messages: "neuron" */
    const void *const *models;
    size_t num;
} rv_registry;

/* The model of that name ("LeakyIntegrateFire" or "leaky_integrate_fire"), or NULL. */
const void *rv_registry_find(const rv_registry *registry, const char *name);

/* The same; where there is none, the context's error lists those there are. */
const void *rv_registry_get(rv_context *context, const rv_registry *registry, const char *name);

/* By index, NULL past the end. */
const void *rv_registry_at(const rv_registry *registry, int index);

/* "a, b, c" into text, cut at size. */
void rv_registry_list(const rv_registry *registry, char *text, size_t size);

#endif
