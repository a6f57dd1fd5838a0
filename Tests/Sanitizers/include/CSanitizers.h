// Nothing to call: what ThreadSanitizer has to know of Swift's mutexes, in programs that are built with it.
#ifndef CSANITIZERS_H
#define CSANITIZERS_H

#endif
