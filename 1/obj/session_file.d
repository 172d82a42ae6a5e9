1/obj/session_file.o: tracer/session_file.c tracer/errmsg.h \
 tracer/expr_stage.h bpf/event.h tracer/expr.h tracer/fields.h \
 tracer/outbuf.h tracer/names.h tracer/opts_file.h tracer/opts_filter.h \
 tracer/filter.h bpf/config.h bpf/event.h tracer/opts_run.h \
 tracer/hooks.h tracer/origin.h tracer/writer.h tracer/output.h \
 tracer/session_run.h tracer/consumer.h tracer/sink.h tracer/view.h \
 tracer/session.h tracer/source.h tracer/source_file.h tracer/recording.h
tracer/errmsg.h:
tracer/expr_stage.h:
bpf/event.h:
tracer/expr.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/names.h:
tracer/opts_file.h:
tracer/opts_filter.h:
tracer/filter.h:
bpf/config.h:
bpf/event.h:
tracer/opts_run.h:
tracer/hooks.h:
tracer/origin.h:
tracer/writer.h:
tracer/output.h:
tracer/session_run.h:
tracer/consumer.h:
tracer/sink.h:
tracer/view.h:
tracer/session.h:
tracer/source.h:
tracer/source_file.h:
tracer/recording.h:
