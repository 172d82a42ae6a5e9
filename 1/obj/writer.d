1/obj/writer.o: tracer/writer.c tracer/writer.h bpf/event.h \
 tracer/outbuf.h tracer/output.h tracer/errmsg.h tracer/opts_file.h
tracer/writer.h:
bpf/event.h:
tracer/outbuf.h:
tracer/output.h:
tracer/errmsg.h:
tracer/opts_file.h:
