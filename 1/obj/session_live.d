1/obj/session_live.o: tracer/session_live.c tracer/attach.h \
 tracer/hooks.h bpf/config.h bpf/event.h tracer/child.h tracer/clock.h \
 tracer/cost.h tracer/expr_stage.h bpf/event.h tracer/expr.h \
 tracer/fields.h tracer/outbuf.h tracer/names.h tracer/opts_file.h \
 tracer/opts_filter.h tracer/filter.h tracer/opts_output.h tracer/sink.h \
 tracer/opts_run.h tracer/origin.h tracer/writer.h tracer/output.h \
 tracer/pace.h tracer/priority.h tracer/privs.h tracer/progress.h \
 tracer/seed.h tracer/session_run.h tracer/consumer.h tracer/view.h \
 tracer/session.h tracer/source.h tracer/skel.h 1/tcplens.skel.h \
 tracer/source_live.h tracer/ring.h tracer/store.h
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/child.h:
tracer/clock.h:
tracer/cost.h:
tracer/expr_stage.h:
bpf/event.h:
tracer/expr.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/names.h:
tracer/opts_file.h:
tracer/opts_filter.h:
tracer/filter.h:
tracer/opts_output.h:
tracer/sink.h:
tracer/opts_run.h:
tracer/origin.h:
tracer/writer.h:
tracer/output.h:
tracer/pace.h:
tracer/priority.h:
tracer/privs.h:
tracer/progress.h:
tracer/seed.h:
tracer/session_run.h:
tracer/consumer.h:
tracer/view.h:
tracer/session.h:
tracer/source.h:
tracer/skel.h:
1/tcplens.skel.h:
tracer/source_live.h:
tracer/ring.h:
tracer/store.h:
