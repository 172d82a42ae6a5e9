1/obj/filter_match.o: tracer/filter_match.c tracer/decode.h bpf/event.h \
 tracer/filter.h bpf/config.h bpf/event.h bpf/match.h bpf/config.h
tracer/decode.h:
bpf/event.h:
tracer/filter.h:
bpf/config.h:
bpf/event.h:
bpf/match.h:
bpf/config.h:
