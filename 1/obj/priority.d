1/obj/priority.o: tracer/priority.c tracer/priority.h
tracer/priority.h:
