build/obj/session.o: tracer/session.c tracer/session.h tracer/attach.h \
 tracer/hooks.h bpf/config.h bpf/event.h tracer/child.h tracer/clock.h \
 tracer/decode.h bpf/event.h tracer/names.h tracer/opts_filter.h \
 tracer/filter.h tracer/opts_output.h tracer/sink.h tracer/fields.h \
 tracer/outbuf.h tracer/opts_run.h tracer/priority.h tracer/privs.h \
 tracer/resolve.h tracer/seed.h tracer/source_live.h tracer/skel.h \
 build/tcplens.skel.h tracer/view.h
tracer/session.h:
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/child.h:
tracer/clock.h:
tracer/decode.h:
bpf/event.h:
tracer/names.h:
tracer/opts_filter.h:
tracer/filter.h:
tracer/opts_output.h:
tracer/sink.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/opts_run.h:
tracer/priority.h:
tracer/privs.h:
tracer/resolve.h:
tracer/seed.h:
tracer/source_live.h:
tracer/skel.h:
build/tcplens.skel.h:
tracer/view.h:
