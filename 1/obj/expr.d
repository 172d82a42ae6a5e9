1/obj/expr.o: tracer/expr.c tracer/expr.h bpf/event.h tracer/errmsg.h \
 tracer/expr_pcap.h tracer/expr_split.h
tracer/expr.h:
bpf/event.h:
tracer/errmsg.h:
tracer/expr_pcap.h:
tracer/expr_split.h:
