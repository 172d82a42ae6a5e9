1/obj/clock.o: tracer/clock.c tracer/clock.h
tracer/clock.h:
