// A library that is loaded into a program by LD_PRELOAD, stands between it and the kernel, and counts each call that changes
// something below one directory. What it then does is told by the environment:
//
//   FAULTS_ROOT    the directory, absolute and without links; nothing is counted without it
//   FAULTS_REPORT  a file of at least sizeof(struct faults_report) bytes: what was counted, also of a process that died
//   FAULTS_STEP    the number of the call at which something happens, from 1
//   FAULTS_ACT     what happens: "kill" and "stop" (SIGKILL and SIGSTOP before the call), "short" (half of it is written),
//                  or the number of an error with which the call fails once
//   FAULTS_COUNT   what is counted beside calls that change something: "r" reads and openings, "l" locks
//   FAULTS_ONLY    the calls that are counted, divided by blanks; all of them if it is empty
//   FAULTS_NOSYNC  "1": calls that sync are counted, and nothing is synced; other processes see no difference
//   FAULTS_TRACE   a file to which every call that changed something is appended
//
// A call is counted and made under one lock, so that before the N-th call exactly N - 1 have been made, and the trace has
// the order in which they took effect.
//
// A record of the trace is a line of fields, divided by tabs, and as many bytes as the last field says, and a line feed:
// call, result (0 or the error), inode, path, inode of its directory, second path, inode of its directory, inode that gave
// way (of a sync: 1 if a directory was synced), offset, length, return addresses ("OBJECT+OFFSET" divided by blanks), count of bytes.
#ifndef FAULTS_H
#define FAULTS_H
#include <stdint.h>

struct faults_report {
    uint64_t count;    // calls that were counted
    uint64_t hit;      // the call at which something happened; 0 for none
    char call[4080];   // what that call was
};
#endif
