/* Ranvier: spiking neural networks, trained and run with callbacks.
 *
 * The headers in the order in which data flows. Start reading at network.h. */
#ifndef RANVIER_H
#define RANVIER_H

#include <ranvier/base.h>      /* context, errors, logging */
#include <ranvier/communicate.h> /* ranks */
#include <ranvier/value.h>     /* constants, arrays, initializers */
#include <ranvier/store.h>     /* NumPy files, serialisers */
#include <ranvier/data.h>      /* spike trains, data sets, encoders, readers */
#include <ranvier/outputs.h>   /* readouts, losses, metrics */
#include <ranvier/neurons.h>   /* neuron and synapse models */
#include <ranvier/custom.h>    /* neuron models of your own */
#include <ranvier/connectivity.h> /* who is connected to whom */
#include <ranvier/network.h>   /* populations, connections, layers */
#include <ranvier/convert.h>   /* trained artificial networks from files */
#include <ranvier/optimise.h>  /* optimisers */
#include <ranvier/compile.h>   /* compilers, compiled networks, variables */
#include <ranvier/train.h>     /* train, evaluate, predict; callbacks, probes, results */
#include <ranvier/simulation.h> /* step by step */
#include <ranvier/custom_update.h> /* functions of your own over variables, in groups that are triggered */
#include <ranvier/callbacks.h> /* built-in callbacks */

#endif
