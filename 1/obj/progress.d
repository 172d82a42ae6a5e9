1/obj/progress.o: tracer/progress.c tracer/progress.h tracer/opts_file.h \
 tracer/writer.h bpf/event.h tracer/outbuf.h tracer/output.h
tracer/progress.h:
tracer/opts_file.h:
tracer/writer.h:
bpf/event.h:
tracer/outbuf.h:
tracer/output.h:
