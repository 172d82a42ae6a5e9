1/obj/opts_file.o: tracer/opts_file.c tracer/opts_file.h tracer/errmsg.h \
 tracer/writer.h bpf/event.h tracer/outbuf.h tracer/output.h
tracer/opts_file.h:
tracer/errmsg.h:
tracer/writer.h:
bpf/event.h:
tracer/outbuf.h:
tracer/output.h:
