#pragma once
// The library's headers use size_t and FILE without including what declares them.
#include <stddef.h>
#include <stdio.h>
#include <inotifytools/inotify.h>
#include <inotifytools/inotifytools.h>
