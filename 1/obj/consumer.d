1/obj/consumer.o: tracer/consumer.c tracer/consumer.h tracer/output.h \
 bpf/event.h tracer/outbuf.h tracer/sink.h tracer/fields.h tracer/view.h \
 tracer/writer.h tracer/errmsg.h tracer/names.h tracer/opts_file.h \
 tracer/opts_output.h tracer/opts_run.h tracer/hooks.h tracer/resolve.h \
 tracer/session.h
tracer/consumer.h:
tracer/output.h:
bpf/event.h:
tracer/outbuf.h:
tracer/sink.h:
tracer/fields.h:
tracer/view.h:
tracer/writer.h:
tracer/errmsg.h:
tracer/names.h:
tracer/opts_file.h:
tracer/opts_output.h:
tracer/opts_run.h:
tracer/hooks.h:
tracer/resolve.h:
tracer/session.h:
