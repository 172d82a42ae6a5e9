1/obj/kbtf.o: tracer/kbtf.c tracer/kbtf_int.h tracer/kbtf.h
tracer/kbtf_int.h:
tracer/kbtf.h:
