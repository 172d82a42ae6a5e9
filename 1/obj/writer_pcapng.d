1/obj/writer_pcapng.o: tracer/writer_pcapng.c tracer/decode.h bpf/event.h \
 tracer/fields.h tracer/outbuf.h tracer/frame.h tracer/hooks.h \
 tracer/names.h tracer/pcapng.h tracer/pcapng_hold.h tracer/pcapng_ids.h \
 tracer/version.h tracer/writer.h tracer/output.h
tracer/decode.h:
bpf/event.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/frame.h:
tracer/hooks.h:
tracer/names.h:
tracer/pcapng.h:
tracer/pcapng_hold.h:
tracer/pcapng_ids.h:
tracer/version.h:
tracer/writer.h:
tracer/output.h:
