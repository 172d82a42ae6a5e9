1/obj/attach.o: tracer/attach.c tracer/attach.h tracer/hooks.h \
 bpf/config.h bpf/event.h tracer/configure.h tracer/expr.h bpf/event.h \
 tracer/expr_elf.h tracer/kbtf.h tracer/loader.h tracer/skel.h \
 1/tcplens.skel.h tracer/store.h
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/configure.h:
tracer/expr.h:
bpf/event.h:
tracer/expr_elf.h:
tracer/kbtf.h:
tracer/loader.h:
tracer/skel.h:
1/tcplens.skel.h:
tracer/store.h:
