1/obj/writer_tcpl.o: tracer/writer_tcpl.c tracer/decode.h bpf/event.h \
 tracer/recording.h tracer/version.h tracer/writer.h tracer/outbuf.h \
 tracer/output.h
tracer/decode.h:
bpf/event.h:
tracer/recording.h:
tracer/version.h:
tracer/writer.h:
tracer/outbuf.h:
tracer/output.h:
