/* threads.h - what the layers above tell base about threads. */
#ifndef PC_BASE_THREADS_H
#define PC_BASE_THREADS_H

/* A call is about to run on a team of this many threads. The runtime keeps a team between calls, and a process that
 * forks leaves its team behind while the runtime in the child still waits for it: such a child gets one thread a call
 * from here on. */
void pc_note_team(int threads);

#endif
