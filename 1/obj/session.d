1/obj/session.o: tracer/session.c tracer/session.h tracer/errmsg.h \
 tracer/opts_file.h tracer/opts_output.h tracer/sink.h tracer/fields.h \
 bpf/event.h tracer/outbuf.h tracer/progress.h tracer/session_run.h \
 tracer/consumer.h tracer/output.h tracer/view.h tracer/writer.h \
 tracer/source.h
tracer/session.h:
tracer/errmsg.h:
tracer/opts_file.h:
tracer/opts_output.h:
tracer/sink.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/progress.h:
tracer/session_run.h:
tracer/consumer.h:
tracer/output.h:
tracer/view.h:
tracer/writer.h:
tracer/source.h:
