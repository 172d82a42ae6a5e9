1/obj/extcap.o: tracer/extcap.c tracer/extcap.h tracer/cmd_view.h \
 tracer/view.h bpf/event.h tracer/errmsg.h tracer/expr.h tracer/version.h
tracer/extcap.h:
tracer/cmd_view.h:
tracer/view.h:
bpf/event.h:
tracer/errmsg.h:
tracer/expr.h:
tracer/version.h:
