1/obj/atomics.o: tracer/atomics.c tracer/atomics.h
tracer/atomics.h:
