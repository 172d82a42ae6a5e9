1/obj/opts_run.o: tracer/opts_run.c tracer/opts_run.h tracer/hooks.h
tracer/opts_run.h:
tracer/hooks.h:
