1/obj/kbtf_cut.o: tracer/kbtf_cut.c tracer/kbtf_int.h tracer/kbtf.h
tracer/kbtf_int.h:
tracer/kbtf.h:
