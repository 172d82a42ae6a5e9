1/obj/source_file.o: tracer/source_file.c tracer/source_file.h \
 tracer/recording.h bpf/event.h tracer/source.h tracer/decode.h \
 tracer/fields.h tracer/outbuf.h tracer/filter.h bpf/config.h bpf/event.h
tracer/source_file.h:
tracer/recording.h:
bpf/event.h:
tracer/source.h:
tracer/decode.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/filter.h:
bpf/config.h:
bpf/event.h:
