build/obj/cmd_view.o: tracer/cmd_view.c tracer/cmd_view.h tracer/view.h \
 tracer/opts_filter.h tracer/filter.h bpf/config.h bpf/event.h \
 bpf/event.h tracer/opts_output.h tracer/sink.h tracer/fields.h \
 tracer/outbuf.h tracer/opts_run.h tracer/hooks.h tracer/session.h
tracer/cmd_view.h:
tracer/view.h:
tracer/opts_filter.h:
tracer/filter.h:
bpf/config.h:
bpf/event.h:
bpf/event.h:
tracer/opts_output.h:
tracer/sink.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/opts_run.h:
tracer/hooks.h:
tracer/session.h:
