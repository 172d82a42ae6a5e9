1/obj/expr_split.o: tracer/expr_split.c tracer/expr_split.h tracer/expr.h \
 bpf/event.h tracer/expr_pcap.h
tracer/expr_split.h:
tracer/expr.h:
bpf/event.h:
tracer/expr_pcap.h:
