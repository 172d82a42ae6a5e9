1/obj/view_loss.o: tracer/view_loss.c tracer/decode.h bpf/event.h \
 tracer/fields.h tracer/outbuf.h tracer/hooks.h tracer/sums.h \
 tracer/trouble.h tracer/view.h
tracer/decode.h:
bpf/event.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/sums.h:
tracer/trouble.h:
tracer/view.h:
