#include "conv_problem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row for each thing that a kernel can get wrong; each runs in both types and all four pairs of layouts. */
static const char *const chosen[] = {
    /* single elements, empty batches, one tap */
    "in1 bias",
    "mb0 ic3 oc4 in5 k3",
    "in1 k3 lo1 hi1",
    "ic20 oc24 in1 k3 lo1 hi1 real",
    "ic5 oc3 in1 bias special",
    "mb3 in1 real",
    /* 1x1, around every vector length */
    "ic7 oc15 in3,5 real",
    "ic16 oc16 in4,4 bias",
    "ic17 oc33 in5,7 bias real",
    "ic64 oc64 in7 real",
    "ic3 oc65 in2,31 bias",
    "ic33 oc1 in9 bias real",
    "ic40 oc24 in11 s2 real",
    "ic18 oc20 in5,4 s1,4 bias real",
    "ic7 oc3 in8,2 s1,3 real",
    "ic18 oc20 in4,5 s4,1 bias real",
    /* 1x1 in place, through panels: strided, planes and pixels a power of two apart */
    "ic20 oc36 in16,32 bias real",
    "ic140 oc36 in16,8 real",
    "ic6 oc36 in32 k3 real",
    "ic140 oc36 in7,14 s2 bias real",
    "mb2 g2 ic44 oc80 in9,21 s2 real",
    "ic16 oc72 in12,13 s1,3 bias real",
    "ic2100 oc20 in3 s2 real",
    "ic256 oc20 in3,5 bias real",
    "ic40 oc36 in3,2,9 k1,1,1 s2,1,2 d1,1,1 real",
    /* 3x3 and its variants */
    "ic3 oc8 in9 k3 lo1 hi1 bias",
    "ic16 oc32 in7,17 k3 lo1 hi1 real",
    "ic4 oc48 in8,15 k3 s2 lo1 hi1 bias real",
    "ic2 oc5 in12,13 k3 d2 lo2 hi2 bias",
    "ic5 oc6 in10,33 k3 s2,3 d2,1 lo1,0 hi0,2 real",
    "mb3 ic8 oc16 in6 k3 real",
    "ic3 oc4 in9 k3 lo1 hi1 special",
    "ic24 oc17 in3,3 k3 lo1 hi1 real",
    "ic64 oc48 in3 k3 lo1 hi1 bias real",
    /* stems, long and flat kernels, kernels as large as the padded image */
    "ic3 oc16 in21,23 k7 s2 lo3 hi3 bias real",
    "ic2 oc3 in4,40 k1,9 lo0,4 hi0,4 real",
    "ic2 oc3 in40,4 k9,1 real",
    "ic3 oc4 in3,4 k5,6 lo1 hi1 bias",
    "ic2 oc2 in2 k3 d3 lo3 hi2 real",
    "ic1 oc5 in5 k5 bias",
    /* far more padding than image */
    "ic2 oc3 in2,3 k3 lo7 hi5 bias",
    "ic1 oc1 in1 k2 lo9 hi9 real",
    "ic3 oc16 in3 k2 s3 lo8,4 hi1,9 real",
    /* one channel: filters */
    "in20,37 k9 lo4 hi4 real",
    "in16,80 k3 lo1 hi1 bias real",
    "in17,65 k5 lo2 hi2",
    "in9,130 k2,4 s1,2 real",
    "mb2 in33,12 k3 d3 real special",
    "oc3 in18,19 k5 bias real",
    /* depthwise, with and without a channel multiplier, and grouped */
    "g16 ic16 oc16 in8,9 k3 lo1 hi1 real",
    "g33 ic33 oc33 in7,19 k3 s2 lo1 hi1 bias real",
    "g5 ic5 oc10 in9,11 k5 lo2 hi2 bias",
    "g9 ic9 oc9 in12,17 k3 d2 lo2 hi2 special",
    "g3 ic3 oc9 in10,34 k3 real",
    "g64 ic64 oc64 in5 k3 lo1 hi1 real",
    "g2 ic6 oc8 in7,8 k3 bias real",
    "g4 ic16 oc12 in9 k3 s2 lo1 hi1 real",
    "g3 ic3 oc15 in6 k1 bias",
    "g8 ic64 oc64 in4 k1 real",
    "mb2 g2 ic34 oc34 in3,5 k3 lo1 hi1 bias real",
    "g7 ic7 oc7 in6,70 k5 s2,1 lo2 hi2 real",
    "g20 ic20 oc20 in3,4 k5 lo2 hi2 bias real",
    /* depthwise, channels last: windows, around vectors and tiles, enough of them for two threads; then panels */
    "g37 ic37 oc37 in8,5 k3 lo1 hi1 bias real",
    "mb2 g16 ic16 oc16 in2,9 k3 s2 lo1 hi1 special",
    "g40 ic40 oc40 in9,6 k5 lo2 hi2 bias real",
    "g24 ic24 oc24 in15,8 k5 s2 lo2,1 hi1,2 real",
    "g18 ic18 oc18 in16,3 k7 lo3 hi3 bias real",
    "g33 ic33 oc33 in3,1 k7 lo6,3 hi4,3 real",
    "reflect g20 ic20 oc20 in9,10 k5 lo4,2 hi2,4 bias real",
    "circular mb2 g16 ic16 oc16 in7,7 k7 s1 lo7,3 hi2,7 real",
    "mb2 g150 ic150 oc150 in20,14 k3 lo1 hi1 bias real",
    /* windows with a depth, a step between their pixels, or part of the taps of a column at a time */
    "g20 ic20 oc20 in4,9,7 k3,3,3 lo1,1,1 hi1,1,1 bias real",
    "mb2 g37 ic37 oc37 in5,16,6 k3,3,3 s2,2,2 lo1,1,1 hi1,1,1 special",
    "reflect g16 ic16 oc16 in4,6,9 k2,5,3 s1,1,2 d2,1,2 lo1,2,2 hi2,2,2 bias real",
    "g18 ic18 oc18 in1,9,5 k3,3,5 lo1,3,2 hi1,1,2 special",
    "mb2 g17 ic17 oc17 in6,5,15 k1,3,3 s3,1,1 lo4,1,1 hi3,1,1 bias special",
    "g33 ic33 oc33 in4,9,6 k3,3,1 lo1,1,0 hi1,1,0 bias real",
    "circular g35 ic35 oc35 in5,3,8 k3,1,4 s2,1,1 lo2,0,1 hi1,0,3 real",
    "g48 ic48 oc48 in33,21 k3 d4,3 lo4,3 hi4,3 bias special",
    "symmetric g24 ic24 oc24 in21,19 k9,4 s1,3 d2 lo8,3 hi8,1 real",
    "mb2 g20 ic20 oc20 in18,9 k5,2 s2,1 d2,3 lo4,0 hi3,3 bias real",
    "g33 ic33 oc33 in2,70 k1,15 d1,2 lo0,14 hi0,14 bias real",
    "g19 ic19 oc19 in40,3 k13,1 s3,1 lo6,0 hi6,0 special",
    "g16 ic16 oc16 in3,30 k2,7 d5,1 lo4,3 hi4,3 real",
    "g3 ic3 oc3 in19,210 k3 lo1 hi1 bias real",
    "replicate g3 ic3 oc3 in11,23 k1,9 lo0,4 hi0,4 real",
    "mb2 g20 ic20 oc20 in30,5 k21,1 lo10,0 hi10,0 bias real",
    "g19 ic19 oc19 in4,60 k1,11 lo0,5 hi0,5 bias real",
    "g21 ic21 oc63 in6,7 k3 s2,1 lo1 hi1 bias special",
    /* depthwise, planes turned into panels: tails of channels, rows of fewer than four, dilations, regions */
    "mb2 g35 ic35 oc35 in13,9 k3,5 s2,1 d1,2 lo1,4 hi1,4 bias real",
    "g20 ic20 oc20 in5,3 k3 d2,1 lo2,1 hi2,1 real",
    "reflect mb2 g48 ic48 oc48 in40,11 k5 lo2 hi2 bias special",
    "g33 ic33 oc33 in30,18 k3 s1,2 lo1 hi1 bias real",
    "g50 ic50 oc50 in23,25 k3 d5,7 lo5,7 hi5,7 bias real",
    "g17 ic17 oc17 in40,9 k3 s3,2 d9,2 lo9,2 hi4,1 real",
    "g5 ic5 oc5 in9,30 k4,6 lo2 hi3 special",
    /* boundary modes up to the most padding that each allows */
    "reflect ic3 oc5 in6,7 k3 lo1 hi1 real",
    "reflect ic2 oc2 in4,5 k5 lo3,4 hi3,4 bias real",
    "reflect g6 ic6 oc6 in5,18 k3 lo1 hi1 real",
    "replicate ic2 oc9 in4,6 k3 lo5 hi6 bias real",
    "replicate in9,17 k7 lo3 hi3 real",
    "circular ic3 oc4 in5,6 k3 lo1 hi1 bias real",
    "circular in3,4 k5 lo3,4 hi3,4",
    "circular g5 ic5 oc5 in8,20 k3 s2 d2 lo2 hi2 special",
    "reflect mb2 ic17 oc18 in5 k3 lo2 hi2 real",
    "circular ic10 oc4 in1,21 k3 lo1 hi1 real",
    "circular ic8 oc4 in19,2 k1,5 lo0,2 hi0,2 real",
    "circular ic12 oc16 in2,9 k5 lo2 hi2 real",
    "ic18 oc17 in7,10 k5 lo2,0 hi2,3 bias real",
    "mb2 g2 ic24 oc36 in12,5 k5 lo2 hi2 special",
    "ic18 oc20 in13,23 k3 d2 lo2 hi2 bias real",
    "mb2 ic9 oc33 in11,10 k3 d3,1 lo3,0 hi1,2 real",
    "ic16 oc17 in5,35 k3 d1,16 lo1,9 hi2,16 special",
    "g2 ic32 oc32 in17,14 k5 d2,3 lo4,6 hi4,5 real",
    "ic24 oc24 in9,9 k3 d12 lo12 hi12 real",
    /* borders that repeat, more than once, and that are a number */
    "symmetric ic3 oc5 in6,7 k3 lo1 hi1 real",
    "symmetric g6 ic6 oc6 in3,18 k5 lo9,2 hi8,2 bias real",
    "reflect ic2 oc17 in2,1 k5 lo7,3 hi7,4 bias real",
    "circular ic18 oc16 in2,3 k3 lo5 hi7 real",
    "symmetric g20 ic20 oc20 in5,9 k5 s1,2 lo2,7 hi2,30 bias real",
    "constant fill3 ic3 oc5 in6,7 k3 lo1,2 hi1 bias real",
    "constant fill-2 g6 ic6 oc6 in5,40 k3 s1,2 lo1 hi1 real",
    "constant fill5 mb2 g20 ic20 oc20 in9,10 k5 lo4,2 hi2,4 bias real",
    "constant fill7 ic18 oc20 in13,23 k3 lo1 hi1 bias real",
    "constant fill-1 in34 k25 lo12 hi12 real",
    "constant fill2 in3,500 k1,150 lo0,9 real",
    "bytes constant fill9 g3 ic3 oc3 in9,31 k5 s2,1 lo2 hi2 real",
    "constant fill4 ic2 oc3 in4,5,6 k2,3,3 lo1,1,1 hi1,1,1 real",
    /* Winograd with a depth: borders, steps and units of the chain along it; slices of padding alone; lines behind lines */
    "ic20 oc24 in5,6,7 k3,3,3 lo1,1,1 hi1,1,1 bias real",
    "mb2 ic70 oc17 in3,5,9 k3,3,3 lo1,1,0 hi2,1,1 real",
    "reflect ic66 oc16 in4,6,5 k3,3,3 lo2,1,1 hi1,1,1 bias real",
    "constant fill2 ic33 oc18 in3,7,5 k2,3,3 lo1,1,1 hi1,1,1 real",
    "ic24 oc20 in7,6,9 k2,3,3 s2,1,1 d3,1,1 lo4,1,1 hi2,1,1 bias real",
    "ic18 oc12 in4,9,8 k3,5,5 lo1,2,2 hi1,2,2 real",
    "g2 ic64 oc66 in5,9,9 k3,3,3 s1,2,2 lo1,1,1 hi1,1,1 real",
    "ic24 oc20 in3,4,33 k1,1,7 lo2,0,3 hi2,0,3 bias real",
    "ic20 oc18 in11,3,5 k5,1,1 lo2,0,0 hi2,0,0 bias real",
    "circular ic5 oc7 in7,2,9 k3,1,1 s2,1,1 lo1,0,0 hi1,0,0 real",
    "ic3 oc4 in9,2,8 k2,1,1 s1,3,1 d1,1,1",
    "g2 ic6 oc12 in9,5,2 k2,1,1 s3,1,2 d2,1,1 lo2,0,0 hi0,0,0 real",
    "separable symmetric g2 ic2 oc2 in5,160 k5,31 lo4,15 hi4,15 bias real",
    "separable reflect in3,5 k9,21 lo4,10 hi4,10 real",
    "separable constant fill3 in9,12 k3 lo1 hi1 real",
    /* transposed: phases of one tap and of several, unlike each other, empty, cut, longer than the result */
    "transposed ic6 oc5 in5,7 k2 s2 bias real",
    "transposed ic20 oc36 in6,9 k4 s2 lo1 hi1 bias real",
    "transposed mb2 ic17 oc20 in5,6 k3 s2 lo1 hi1,0 real",
    "transposed ic18 oc17 in7,20 k3 lo1 hi1 bias real",
    "transposed ic20 oc36 in1 k4 special",
    "transposed g2 ic6 oc8 in1,3 k5,3 s2 lo1,0 hi0,1 bias special",
    "transposed ic3 oc4 in4,5 k2 s3 bias real",
    "transposed ic3 oc4 in4,5 k3 s2 d2 lo2 hi1 bias real",
    "transposed ic3 oc18 in6 k3 s4,3 d6,2 lo3 hi3 special",
    "transposed g3 ic6 oc9 in5,4 k5 s2 lo4,2 hi4,1 bias real",
    "transposed g16 ic16 oc16 in9,8 k4 s2 lo1 hi1 real",
    "transposed mb2 g5 ic5 oc5 in19,37 k4 s2 lo1 hi1 bias real",
    "transposed mb2 g20 ic20 oc20 in9,6 k4 s2 lo1 hi1 bias special",
    "transposed g35 ic35 oc35 in3,5,4 k4,8,3 s2,4,2 lo1,2,1 hi1,2,0 bias real",
    "transposed g3 ic3 oc6 in4,40 k8 s4 lo2 hi2 bias real",
    "transposed mb2 g4 ic4 oc4 in6,23 k5,7 s2,3 d1,2 lo3,1 hi2,5 bias special",
    "transposed g5 ic5 oc5 in4,8,10 k2,1,2 s1,3,2 d2,1,1 lo0,1,2 hi0,1,2 real",
    "transposed g2 ic2 oc2 in3,5,19 k3,3,4 s2,1,2 lo1,2,1 hi0,1,2 real",
    "transposed g3 ic3 oc6 in7,70 k8 s4,3 lo2 hi1,3 bias special",
    "transposed g4 ic4 oc4 in12,40 k6,5 s2,1 d3,2 lo3,2 hi1,2 real",
    "transposed g2 ic2 oc2 in3,4,21 k4,3,4 s2,1,2 lo1,1,1 hi1,1,1 bias real",
    "transposed mb2 ic33 oc3 in9,40 k4 s2 lo1 hi1 bias real",
    "transposed ic4 oc5 in3,1 k9,3 s2,5 lo11,0 hi0,-4 bias real",
    "transposed ic2 oc2 in3 k3 s2 lo2 hi-1 bias special",
    "transposed ic2 oc2 in1 k2,1 s2,1 lo2,0 hi-1,0 bias real",
    "transposed ic5 oc6 in3,4,5 k2,3,4 s2,1,2 lo0,1,1 hi0,1,1 bias real",
    "transposed ic64 oc48 in8,9 k3 lo1 hi1 real",
    "transposed bytes ic4 oc8 in6 k4 s2 lo1 hi1 real",
    /* kernels of one row or column: taps in threes, with one or two left over */
    "ic20 oc18 in5,21 k1,7 lo0,3 hi0,3 bias real",
    "ic17 oc33 in22,6 k7,1 lo3,0 hi3,0 real",
    "mb2 ic40 oc9 in9,5 k5,1 lo1,2 hi3,0 bias real",
    "g2 ic34 oc34 in3,30 k1,4 real",
    "ic16 oc20 in6,11 k1,3 lo2,1 hi0,1 bias special",
    "reflect ic18 oc16 in4,40 k1,13 lo0,6 hi0,6 real",
    "replicate ic16 oc16 in31,3 k31,1 lo40,0 hi9,0 real",
    /* the same, depthwise, on few channels, whose rows are read in place where no tap meets the border */
    "mb2 g3 ic3 oc3 in11,300 k1,5 lo0,2 hi0,2 bias real",
    "g2 ic2 oc2 in9,140 k1,21 s2,1 lo0,10 hi0,7 bias special",
    "reflect g5 ic5 oc5 in7,90 k1,4 d1,3 lo0,5 hi0,4 real",
    "circular g6 ic6 oc6 in5,70 k1,9 lo1,4 hi0,4 bias real",
    "replicate g17 ic17 oc17 in3,80 k1,5 s3,2 lo4,2 hi4,2 real",
    "mb2 g3 ic3 oc3 in21,50 k9,1 lo4,0 hi4,0 bias special",
    "g7 ic7 oc7 in30,19 k5,1 s2,1 d3,1 lo6,0 hi6,0 real",
    "reflect g3 ic3 oc3 in12,1365 k21,1 lo10,0 hi10,0 bias real",
    "bytes g3 ic3 oc3 in9,200 k1,7 lo0,3 hi0,3 bias real",
    "bytes circular g4 ic4 oc4 in18,33 k7,1 lo3,0 hi3,0 real",
    /* a column times a row: strips and bands, tiles that step back, strides, rows apart, borders that copy */
    "separable in40,300 k5 lo2 hi2 real",
    "separable in9,33 k1 bias real",
    "separable in60,1024 k17,3 lo8,1 hi8,1 bias real",
    "separable reflect in41,1030 k7,5 s2 d2 lo6,4 hi6,4 real",
    "separable mb2 g3 ic3 oc3 in21,70 k9,7 lo4,3 hi4,3 bias",
    "separable g37 ic37 oc37 in6,9 k3,5 lo1,2 hi1,2 bias real",
    "separable g16 ic16 oc16 in30,11 k5 s2 lo2 hi2 special",
    "separable reflect in25,1400 k7,31 lo3,15 hi3,15 real",
    "separable reflect g2 ic2 oc2 in5,6 k5,3 lo4,5 hi4,5 bias real",
    "separable circular g3 ic3 oc3 in12,700 k3,5 lo1,2 hi1,2 real",
    "separable replicate mb2 g5 ic5 oc5 in7,900 k3,9 s1,3 d2,1 lo9,30 hi2,8 bias real",
    "separable g4 ic4 oc4 in23,19 k4,6 s2,3 d3,2 lo5 hi7 bias special",
    "separable in3,5 k2,3 lo9 hi8 real",
    "separable in64,50 k33,21 s2 d2,1 lo32,10 hi32,10 bias real",
    /* large kernels, transforms of tiles: partial tiles, several outputs of one input, numbers that are not finite */
    "in40,130 k11 lo5 hi5 bias real",
    "g2 ic2 oc2 in40,70 k13,11 lo6,5 hi6,5 real",
    "reflect in34 k25 lo12 hi12 special",
    "mb2 oc3 in30,38 k13,14 bias real",
    "g2 ic2 oc4 in10,150 k19,7 lo9,3 hi9,3 bias special",
    "replicate in20,24 k40,33 lo30,10 hi9,20 real",
    "bytes g2 ic2 oc2 in20,130 k11 lo5 hi5 bias real",
    /* long kernels of one row or one column: segments of unequal length, lanes left over */
    "in3,600 k1,129 lo0,64 hi0,64 bias real",
    "mb2 g2 ic2 oc4 in100,20 k41,1 lo20,0 hi20,0 special",
    "circular in6,400 k1,200 lo0,100 hi0,99 real",
    "reflect g2 ic2 oc2 in150,21 k80,1 lo40,0 hi39,0 bias real",
    "oc3 in18,300 k1,90 bias special",
    "bytes in4,500 k1,150 lo0,9 real",
    /* images of bytes */
    "bytes in40,300 k5 lo2 hi2 bias real",
    "bytes ic3 oc20 in20,33 k7 s2 lo3 hi3 real",
    "bytes mb2 g3 ic3 oc3 in19,70 k3 lo1 hi1 bias real",
    "bytes reflect g3 ic3 oc3 in9,31 k5 s2,1 lo2 hi2 real",
    "bytes circular mb2 ic3 oc2 in8,20 k3 s1,3 d2 lo2 hi2 real",
    "bytes g20 ic20 oc40 in9,11 k3 lo1 hi1 special",
    "bytes replicate g17 ic17 oc17 in12,9 k5 d2 lo4 hi4 bias",
    "bytes ic20 oc24 in17,18 k3 lo1 hi1 bias real",
    "bytes ic18 oc20 in13,23 k3 d2 lo2 hi2 bias real",
    "bytes mb2 ic9 oc33 in11,10 k3 d3,1 lo3,0 hi1,2 real",
    "bytes ic33 oc18 in10,9 k1 bias real",
    "bytes ic40 oc36 in7,14 s2 real",
    "bytes mb3 ic20 oc24 in1 real",
    "bytes ic2 oc3 in4,5,6 k2,3,3 s1,1,1 d1,1,1 lo1,1,1 hi1,1,1 bias real",
    "bytes ic3 oc4 in16,1030 k3 lo1 hi1 real",
    "bytes separable mb2 g3 ic3 oc3 in21,70 k9,7 lo4,3 hi4,3 bias real",
    "bytes separable reflect in25,1400 k7,31 lo3,15 hi3,15 s2,1 real",
    /* three dimensions */
    "ic2 oc3 in4,5,6 k2,3,3 s1,1,1 d1,1,1 lo1,1,1 hi1,1,1 bias real",
    "ic3 oc17 in5,4,9 k3,1,3 s2,1,2 d1,1,1 real",
    "g4 ic4 oc4 in4,6,11 k3,3,3 lo1,1,1 hi1,1,1 real",
    "reflect ic2 oc2 in4,4,4 k3,3,3 lo2,1,1 hi1,3,2 bias real",
    "in3,4,33 k3,3,3 d1,1,2 lo1,1,2 hi1,1,2 special",
    "circular ic2 oc4 in3,3,8 k2,2,2 s1,2,1 lo3,1,0 hi1,0,1 real",
    "mb2 ic9 oc8 in3,3,3 k1,1,1 bias real",
    "replicate g2 ic4 oc6 in3,4,5 k3,3,1 s1,1,1 lo2,1,0 hi2,1,0 real",
    /* enough work for more than one thread and more than one block */
    "mb2 ic20 oc36 in10,19 k3 lo1 hi1 bias real",
    "ic128 oc20 in6 k1 real",
    "ic70 oc72 in4,5 k3 lo1 hi1 real",
    "g48 ic48 oc48 in14,15 k3 lo1 hi1 real",
    "ic300 oc9 in5 k1 bias real",
    "in70,71 k5 lo2 hi2 real",
};
enum { CHOSEN = sizeof chosen / sizeof *chosen, COMBINATIONS = 8 };

static int64_t extent(int64_t kernel, int64_t dilation) { return dilation * (kernel - 1) + 1; }

/* Returns 0 where there is no output. */
static int derive(conv_problem *p) {
    const pc_conv_desc *d = &p->desc;
    p->src_count = d->mb * d->ic;
    p->wei_count = d->oc * (d->ic / d->groups);
    p->dst_count = d->mb * d->oc;
    for (int a = 0; a < 3; a++) {
        const int64_t room = d->in[a] + d->pad_lo[a] + d->pad_hi[a] - extent(d->kernel[a], d->dilation[a]);
        const int64_t spread = (d->in[a] - 1) * d->stride[a] + extent(d->kernel[a], d->dilation[a]);
        p->out[a] = d->transposed ? spread - d->pad_lo[a] - d->pad_hi[a] : room < 0 ? 0 : room / d->stride[a] + 1;
        if (p->out[a] < 1) return 0;
        p->src_count *= d->in[a];
        p->wei_count *= d->kernel[a];
        p->dst_count *= p->out[a];
    }
    if (d->separable) p->wei_count = d->oc * (d->kernel[1] + d->kernel[2]);
    return 1;
}

static int parse_triple(const char *text, int64_t value[3]) {
    int64_t v[3];
    char rest;
    const int n = sscanf(text, "%" SCNd64 ",%" SCNd64 ",%" SCNd64 "%c", &v[0], &v[1], &v[2], &rest);
    if (n < 1 || n > 3) return 0;
    if (n == 3) value[0] = v[0];
    value[1] = n == 3 ? v[1] : v[0];
    value[2] = n == 3 ? v[2] : n == 2 ? v[1] : v[0];
    return 1;
}

static int parse_number(const char *text, int64_t *value) {
    char rest;
    return sscanf(text, "%" SCNd64 "%c", value, &rest) == 1;
}

static int parse_word(conv_problem *p, const char *word) {
    pc_conv_desc *d = &p->desc;
    const struct {
        const char *key;
        int64_t *value;
    } numbers[] = {{"mb", &d->mb}, {"g", &d->groups}, {"ic", &d->ic}, {"oc", &d->oc}};
    const struct {
        const char *key;
        int64_t *value;
    } triples[] = {{"in", d->in},      {"k", d->kernel},  {"s", d->stride},
                   {"d", d->dilation}, {"lo", d->pad_lo}, {"hi", d->pad_hi}};

    if (strcmp(word, "bias") == 0) return p->with_bias = 1;
    if (strcmp(word, "bytes") == 0) return d->src_type = 1;
    if (strcmp(word, "separable") == 0) return d->separable = 1;
    if (strcmp(word, "transposed") == 0) return d->transposed = 1;
    for (int i = 0; i < 2; i++) {
        if (strcmp(word, dtype_names[i]) == 0) return d->dtype = (pc_dtype)i, 1;
    }
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, data_kind_names[i]) == 0) return p->data = (data_kind)i, 1;
    }
    for (int i = 0; i < PC_BOUNDARY_COUNT; i++) {
        if (strcmp(word, boundary_names[i]) == 0) return d->boundary = (pc_boundary)i, 1;
    }
    for (int i = 0; i < 4; i++) {
        char pair[16];
        snprintf(pair, sizeof pair, "%s>%s", layout_names[i / 2], layout_names[i % 2]);
        if (strcmp(word, pair) == 0) return d->src_layout = (pc_layout)(i / 2), d->dst_layout = (pc_layout)(i % 2), 1;
    }
    int64_t seed, number;
    if (strncmp(word, "fill", 4) == 0) return parse_number(word + 4, &number) && (d->fill = (double)number, 1);
    if (strncmp(word, "seed", 4) == 0) return parse_number(word + 4, &seed) && (p->seed = (uint64_t)seed, 1);

    const size_t key_length = strcspn(word, "-0123456789");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strlen(numbers[i].key) == key_length && strncmp(word, numbers[i].key, key_length) == 0) {
            return parse_number(word + key_length, numbers[i].value);
        }
    }
    for (size_t i = 0; i < sizeof triples / sizeof *triples; i++) {
        if (strlen(triples[i].key) == key_length && strncmp(word, triples[i].key, key_length) == 0) {
            return parse_triple(word + key_length, triples[i].value);
        }
    }
    return 0;
}

int conv_problem_parse(conv_problem *p, const char *line) {
    *p = (conv_problem){.desc = PC_CONV_DESC_INIT};
    char copy[CONV_TEXT];
    if (snprintf(copy, sizeof copy, "%s", line) >= (int)sizeof copy) return 0;
    for (char *rest = copy, *word; *(rest += strspn(rest, " ")) != 0;) {
        word = rest;
        rest += strcspn(rest, " ");
        if (*rest) *rest++ = 0;
        if (!parse_word(p, word)) return 0;
    }
    return derive(p);
}

const char *conv_problem_text(const conv_problem *p) {
    static char text[CONV_TEXT];
    const pc_conv_desc *d = &p->desc;
    int n = snprintf(text, sizeof text, "%s %s>%s %s%s%s mb%" PRId64 " g%" PRId64 " ic%" PRId64 " oc%" PRId64,
                     dtype_names[d->dtype], layout_names[d->src_layout], layout_names[d->dst_layout],
                     boundary_names[d->boundary],
                     d->separable    ? " separable"
                     : d->transposed ? " transposed"
                                     : "",
                     d->src_type ? " bytes" : "", d->mb, d->groups, d->ic, d->oc);
    const struct {
        const char *key;
        const int64_t *value;
    } triples[] = {{"in", d->in},      {"k", d->kernel},  {"s", d->stride},
                   {"d", d->dilation}, {"lo", d->pad_lo}, {"hi", d->pad_hi}};
    for (size_t i = 0; i < sizeof triples / sizeof *triples; i++) {
        const int64_t *v = triples[i].value;
        n += snprintf(text + n, sizeof text - (size_t)n, " %s%" PRId64 ",%" PRId64 ",%" PRId64, triples[i].key, v[0],
                      v[1], v[2]);
    }
    if (d->boundary == PC_CONSTANT) n += snprintf(text + n, sizeof text - (size_t)n, " fill%.0f", d->fill);
    snprintf(text + n, sizeof text - (size_t)n, "%s %s seed%" PRIu64, p->with_bias ? " bias" : "",
             data_kind_names[p->data], p->seed);
    return text;
}

/* Of a chosen one other types and layouts than of the one before. */
int conv_problem_taken(int64_t index) { return (index / COMBINATIONS + index) % TEST_EVERY == 0; }

int64_t conv_problem_chosen(void) { return (int64_t)CHOSEN * COMBINATIONS; }

static int64_t random_pad(rng *r, int64_t kernel_extent) {
    return rng_range(r, 0, rng_range(r, 0, 3) ? kernel_extent / 2 : kernel_extent + 2);
}

static void random_problem(conv_problem *p, rng *r) {
    *p = (conv_problem){.desc = PC_CONV_DESC_INIT};
    pc_conv_desc *d = &p->desc;
    d->dtype = (pc_dtype)rng_range(r, 0, 1);
    d->src_layout = (pc_layout)rng_range(r, 0, 1);
    d->dst_layout = (pc_layout)rng_range(r, 0, 1);
    d->boundary = rng_range(r, 0, 2) ? PC_ZEROS : (pc_boundary)rng_range(r, 0, PC_BOUNDARY_COUNT - 1);
    d->mb = rng_size(r, 4);
    d->groups = rng_range(r, 0, 2) ? 1 : rng_size(r, 40);
    const int depthwise = d->groups > 1 && rng_range(r, 0, 1);
    d->ic = d->groups * (depthwise ? 1 : rng_size(r, 70));
    d->oc = d->groups * (depthwise ? rng_size(r, 3) : rng_size(r, 70));
    d->src_type = !rng_range(r, 0, 5);
    if (!rng_range(r, 0, 7)) {
        d->separable = 1;
        d->ic = d->oc = d->groups = rng_size(r, 40);
    }
    d->transposed = !d->separable && !rng_range(r, 0, 4);
    if (d->transposed) d->boundary = PC_ZEROS;
    if (d->boundary == PC_CONSTANT) d->fill = (double)rng_range(r, -9, 9);
    for (int a = rng_range(r, 0, 3) || d->separable ? 1 : 0; a < 3; a++) {
        d->in[a] = rng_size(r, a == 2 ? 80 : 30);
        d->kernel[a] = rng_range(r, 0, 2) ? rng_range(r, 1, 3) : rng_size(r, 9);
        d->stride[a] = rng_range(r, 0, 1) ? 1 : rng_size(r, 4);
        d->dilation[a] = rng_range(r, 0, 2) ? 1 : rng_size(r, 3);
        d->pad_lo[a] = random_pad(r, extent(d->kernel[a], d->dilation[a]));
        d->pad_hi[a] = random_pad(r, extent(d->kernel[a], d->dilation[a]));
        if (d->transposed)
            d->pad_hi[a] -= rng_range(r, 0, (d->stride[a] > d->dilation[a] ? d->stride : d->dilation)[a] - 1);
    }
    p->with_bias = (int)rng_range(r, 0, 1);
    p->data = (data_kind)rng_range(r, 0, 2);
    p->seed = rng_next(r) % 1000000;
}

void conv_problem_get(conv_problem *p, int64_t index) {
    if (index < conv_problem_chosen()) {
        const int64_t combination = index % COMBINATIONS;
        if (!conv_problem_parse(p, chosen[index / COMBINATIONS])) {
            printf("a chosen problem is wrong: %s\n", chosen[index / COMBINATIONS]);
            exit(2);
        }
        p->desc.dtype = (pc_dtype)(combination & 1);
        p->desc.src_layout = (pc_layout)(combination >> 1 & 1);
        p->desc.dst_layout = (pc_layout)(combination >> 2 & 1);
        p->seed = (uint64_t)index;
        return;
    }
    /* Redraw what has no output or takes too long: several hundred problems run some thirty times each. */
    const int64_t most_multiplies = 150000;
    rng r = {.state = (uint64_t)index};
    do {
        random_problem(p, &r);
    } while (!derive(p) || (double)p->dst_count / (double)p->desc.oc * (double)p->wei_count > most_multiplies);
}

size_t conv_src_size(const conv_problem *p) { return p->desc.src_type ? 1 : dtype_size(p->desc.dtype); }

conv_data conv_data_create(const conv_problem *p) {
    const pc_dtype dtype = p->desc.dtype;
    const size_t size = dtype_size(dtype);
    conv_data data = {poisoned((size_t)p->src_count * conv_src_size(p)), poisoned((size_t)p->wei_count * size), NULL,
                      NULL};
    rng r = {.state = p->seed};
    if (p->desc.src_type)
        for (int64_t i = 0; i < p->src_count; i++) ((uint8_t *)data.src)[i] = (uint8_t)rng_range(&r, 0, 255);
    else
        fill(dtype, data.src, p->src_count, p->data, &r);
    /* Weights special as well would leave few finite results to compare. */
    fill(dtype, data.wei, p->wei_count, p->data == DATA_SPECIAL ? DATA_REAL : p->data, &r);
    if (p->data == DATA_SPECIAL) put(dtype, data.wei, rng_range(&r, 0, p->wei_count - 1), (double)INFINITY);
    if (p->with_bias) {
        data.bias = poisoned((size_t)p->desc.oc * size);
        fill(dtype, data.bias, p->desc.oc, p->data, &r);
    }
    return data;
}

void conv_data_destroy(conv_data *data) {
    free(data->src);
    free(data->wei);
    free(data->bias);
    *data = (conv_data){0};
}
