1/obj/cmd_view.o: tracer/cmd_view.c tracer/cmd_view.h tracer/view.h \
 bpf/event.h tracer/clock.h tracer/errmsg.h tracer/expr.h tracer/hooks.h \
 tracer/fields.h tracer/outbuf.h tracer/opts_file.h tracer/opts_filter.h \
 tracer/filter.h bpf/config.h bpf/event.h tracer/opts_output.h \
 tracer/sink.h tracer/opts_run.h tracer/session.h tracer/writer.h \
 tracer/output.h
tracer/cmd_view.h:
tracer/view.h:
bpf/event.h:
tracer/clock.h:
tracer/errmsg.h:
tracer/expr.h:
tracer/hooks.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/opts_file.h:
tracer/opts_filter.h:
tracer/filter.h:
bpf/config.h:
bpf/event.h:
tracer/opts_output.h:
tracer/sink.h:
tracer/opts_run.h:
tracer/session.h:
tracer/writer.h:
tracer/output.h:
