1/obj/pace.o: tracer/pace.c tracer/pace.h
tracer/pace.h:
